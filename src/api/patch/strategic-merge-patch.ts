// Strategic merge patch: like a merge patch, but lists of named things merge by key. The schema says which; the
// patch may steer with $patch, $setElementOrder, $retainKeys and $deleteFromPrimitiveList.
import { copyJson } from '../copy-json.ts';
import { badRequest, invalidPatch } from '../errors.ts';
import { deepEqual, isObject, setOwn } from '../json.ts';
import type { FieldType, SchemaField, SchemaType } from '../schema/schema.ts';
import { schemaType } from '../schema/schema.ts';

const orderPrefix = '$setElementOrder/';
const deletePrefix = '$deleteFromPrimitiveList/';

type Value = Record<string, unknown>;

/** `schema` is a qualified name: `core.Service`. The original is never changed. */
export function applyStrategicMergePatch(schema: string, original: unknown, patch: unknown): unknown {
  if (!isObject(patch)) throw badRequest('a strategic merge patch is an object');
  return mergeObject({ form: 'message', type: schema }, isObject(original) ? copyJson(original) : {}, patch);
}

function mergeObject(type: FieldType | undefined, original: Value, patch: Value): Value {
  const directive = patch['$patch'];
  if (directive === 'replace') return withoutDirectives(patch);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge')
    throw badRequest(`Unknown patch type found: ${JSON.stringify(directive)}`);
  const schema = type?.form === 'message' ? schemaType(type.type) : undefined;
  const out = retainOnly(original, patch);
  for (const [key, value] of Object.entries(patch)) {
    if (key === '$patch' || key === '$retainKeys' || key.startsWith(orderPrefix)) continue;
    if (key.startsWith(deletePrefix)) {
      deleteValues(out, key.slice(deletePrefix.length), value);
      continue;
    }
    if (value === null) {
      delete out[key];
      continue;
    }
    const place = fieldOf(type, schema, key);
    const have = Object.hasOwn(out, key) ? out[key] : undefined;
    setOwn(out, key, mergeField(place, have, value, patch[`${orderPrefix}${key}`]));
  }
  // An order may come without a change to the list itself.
  for (const [key, order] of Object.entries(patch)) {
    const name = key.slice(orderPrefix.length);
    if (!key.startsWith(orderPrefix) || Object.hasOwn(patch, name)) continue;
    const list = out[name];
    if (Array.isArray(list)) out[name] = orderList(list, order, fieldOf(type, schema, name)?.field?.mergeKey, list);
  }
  return out;
}

interface Place {
  readonly type: FieldType;
  readonly field: SchemaField | undefined;
}

function fieldOf(type: FieldType | undefined, schema: SchemaType | undefined, name: string): Place | undefined {
  if (type?.form === 'map') return { type: type.of, field: undefined };
  const field = schema?.fields.get(name);
  return field === undefined ? undefined : { type: field.type, field };
}

function mergeField(place: Place | undefined, have: unknown, patch: unknown, order: unknown): unknown {
  if (isObject(patch)) {
    const isStruct = place?.type.form === 'message' || place?.type.form === 'map' || place === undefined;
    if (!isStruct || place?.field?.replace === true) return withoutDirectives(patch);
    return mergeObject(place?.type, isObject(have) ? have : {}, patch);
  }
  if (!Array.isArray(patch)) return patch;
  const list = Array.isArray(have) ? (have as unknown[]) : [];
  if (place?.type.form !== 'list' || place.field?.merge !== true) return replaceList(patch);
  const { mergeKey } = place.field;
  const merged =
    mergeKey === undefined ? mergeValues(list, patch) : mergeItems(place.type.of, mergeKey, list, patch as unknown[]);
  return orderList(merged, order, mergeKey, list);
}

/** A list that is replaced: `$patch` entries in it have nothing to steer. */
const replaceList = (patch: unknown[]): unknown[] =>
  patch.filter((item) => !isObject(item) || item['$patch'] === undefined).map(withoutNestedDirectives);

function mergeValues(list: readonly unknown[], patch: readonly unknown[]): unknown[] {
  return [...list, ...patch.filter((v, i) => !list.includes(v) && patch.indexOf(v) === i)];
}

function mergeItems(type: FieldType, key: string, list: readonly unknown[], patch: readonly unknown[]): unknown[] {
  let out = [...list];
  const items = patch.map((item) => {
    if (!isObject(item)) throw invalidPatch(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    return item;
  });
  if (items.some((item) => item['$patch'] === 'replace')) {
    return items.filter((item) => item['$patch'] === undefined).map(withoutDirectives);
  }
  for (const item of items) {
    if (item['$patch'] !== 'delete') continue;
    const wanted = keyOf(item, key);
    out = out.filter((have) => !isObject(have) || !deepEqual(have[key], wanted));
  }
  for (const item of items) {
    if (item['$patch'] === 'delete') continue;
    const wanted = keyOf(item, key);
    const at = out.findIndex((have) => isObject(have) && deepEqual(have[key], wanted));
    const have = out[at];
    const merged = mergeObject(type, isObject(have) ? have : {}, item);
    if (at < 0) out.push(merged);
    else out[at] = merged;
  }
  return out;
}

function keyOf(item: Value, key: string): unknown {
  if (item[key] === undefined) {
    throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
  }
  return item[key];
}

/**
 * Puts items in the order the client has seen them. Items that only the server has stay before the item they used to
 * precede.
 */
function orderList(
  merged: unknown[],
  order: unknown,
  mergeKey: string | undefined,
  server: readonly unknown[],
): unknown[] {
  if (!Array.isArray(order)) return merged;
  const idOf = (v: unknown): string => JSON.stringify(mergeKey !== undefined && isObject(v) ? v[mergeKey] : v) ?? '';
  const rank = new Map((order as unknown[]).map((v, i) => [idOf(v), i]));
  const ordered = merged
    .filter((v) => rank.has(idOf(v)))
    .sort((a, b) => (rank.get(idOf(a)) ?? 0) - (rank.get(idOf(b)) ?? 0));
  const serverRank = new Map(server.map((v, i) => [idOf(v), i]));
  const rest = merged.filter((v) => !rank.has(idOf(v)));
  const out: unknown[] = [];
  let next = 0;
  for (const item of ordered) {
    const at = serverRank.get(idOf(item));
    while (at !== undefined && next < rest.length && (serverRank.get(idOf(rest[next])) ?? Infinity) < at) {
      out.push(rest[next++]);
    }
    out.push(item);
  }
  return [...out, ...rest.slice(next)];
}

function retainOnly(original: Value, patch: Value): Value {
  const keys = patch['$retainKeys'];
  if (keys === undefined) return original;
  if (!Array.isArray(keys)) throw badRequest('$retainKeys must be a list of field names');
  return Object.fromEntries(Object.entries(original).filter(([key]) => keys.includes(key)));
}

function deleteValues(out: Value, name: string, values: unknown): void {
  const have = out[name];
  if (!Array.isArray(values)) throw badRequest(`${deletePrefix}${name} must be a list`);
  if (Array.isArray(have)) out[name] = have.filter((v) => !values.includes(v));
}

function withoutDirectives(value: Value): Value {
  const out: Value = {};
  for (const [key, child] of Object.entries(value)) {
    if (key === '$patch' || key === '$retainKeys' || key.startsWith(orderPrefix) || key.startsWith(deletePrefix))
      continue;
    if (child !== null) setOwn(out, key, withoutNestedDirectives(child));
  }
  return out;
}

const withoutNestedDirectives = (value: unknown): unknown =>
  isObject(value) ? withoutDirectives(value) : Array.isArray(value) ? replaceList(value) : value;
