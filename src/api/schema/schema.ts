// Reads the tables of types: the one source from which strict decoding, strategic merge, apply, protobuf and
// OpenAPI follow. A table is text, parsed when a type of its group is first asked for.
//
//   kind Service | description          an object with apiVersion and kind; `type` for anything else
//     1 ports []ServicePort keys=port,protocol merge=port | description
//
// A field line: protobuf number, JSON name, type, attributes, description.
//   type        string int32 int64 bool bytes double quantity intorstring time microtime duration fields raw,
//               []T, map[T] (keys are strings), map[list] (values are lists of strings), Type or group.Type;
//               a trailing `?` says that an explicit zero value ("", 0, false) differs from an absent one
//   required    clients must send it
//   embedded    a struct that is always there: {} and absent mean the same
//   inline      its fields stand in the parent's JSON; only protobuf knows the extra level
//   keys=a,b    list of items told apart by these fields · set · atomic (list, map or type: replaced as a whole)
//   merge, merge=key   strategic merge patch merges the list (by that key) · replace · retainKeys
//   default=v   value that stands for an absent key field
import { schemaGroups } from './groups.ts';

export type ScalarName =
  | 'string'
  | 'int32'
  | 'int64'
  | 'bool'
  | 'bytes'
  | 'double'
  | 'quantity'
  | 'intorstring'
  | 'time'
  | 'microtime'
  | 'duration'
  | 'fields'
  | 'raw';

export type FieldType =
  | { readonly form: 'scalar'; readonly scalar: ScalarName }
  | { readonly form: 'list'; readonly of: FieldType }
  | { readonly form: 'map'; readonly of: FieldType }
  | { readonly form: 'message'; readonly type: string };

export interface SchemaField {
  readonly number: number;
  readonly name: string;
  readonly type: FieldType;
  readonly pointer: boolean;
  readonly required: boolean;
  readonly embedded: boolean;
  readonly inline: boolean;
  readonly listType: 'map' | 'set' | 'atomic' | undefined;
  readonly keys: readonly string[];
  readonly merge: boolean;
  readonly mergeKey: string | undefined;
  readonly replace: boolean;
  readonly retainKeys: boolean;
  readonly defaultValue: string | undefined;
  readonly description: string;
}

export interface SchemaType {
  /** Qualified: `core.ServicePort`. */
  readonly qualifiedName: string;
  readonly name: string;
  readonly groupKey: string;
  readonly isKind: boolean;
  readonly atomic: boolean;
  readonly description: string;
  /** As in JSON: inlined fields flattened; apiVersion and kind of a kind are included. */
  readonly fields: ReadonlyMap<string, SchemaField>;
  /** As on the protobuf wire. */
  readonly wireFields: readonly SchemaField[];
}

const scalars: ReadonlySet<string> = new Set([
  'string',
  'int32',
  'int64',
  'bool',
  'bytes',
  'double',
  'quantity',
  'intorstring',
  'time',
  'microtime',
  'duration',
  'fields',
  'raw',
]);

const stringList: FieldType = { form: 'list', of: { form: 'scalar', scalar: 'string' } };

function parseFieldType(text: string, groupKey: string): FieldType {
  if (text.startsWith('[]')) return { form: 'list', of: parseFieldType(text.slice(2), groupKey) };
  if (text === 'map[list]') return { form: 'map', of: stringList };
  if (text.startsWith('map[')) return { form: 'map', of: parseFieldType(text.slice(4, -1), groupKey) };
  if (scalars.has(text)) return { form: 'scalar', scalar: text as ScalarName };
  return { form: 'message', type: text.includes('.') ? text : `${groupKey}.${text}` };
}

function parseField(line: string, groupKey: string): SchemaField {
  const bar = line.indexOf(' | ');
  const description = bar < 0 ? '' : line.slice(bar + 3);
  const [number = '', name = '', typeText = '', ...attributes] = (bar < 0 ? line : line.slice(0, bar))
    .trim()
    .split(' ');
  const pointer = typeText.endsWith('?');
  const has = (word: string): boolean => attributes.includes(word);
  const valueOf = (key: string): string | undefined =>
    attributes.find((a) => a.startsWith(`${key}=`))?.slice(key.length + 1);
  const keys = valueOf('keys')?.split(',') ?? [];
  return {
    number: Number(number),
    name,
    type: parseFieldType(pointer ? typeText.slice(0, -1) : typeText, groupKey),
    pointer,
    required: has('required'),
    embedded: has('embedded'),
    inline: has('inline'),
    listType: keys.length > 0 ? 'map' : has('set') ? 'set' : has('atomic') ? 'atomic' : undefined,
    keys,
    merge: has('merge') || valueOf('merge') !== undefined,
    mergeKey: valueOf('merge'),
    replace: has('replace'),
    retainKeys: has('retainKeys'),
    defaultValue: valueOf('default'),
    description,
  };
}

const typeMetaFields: readonly SchemaField[] = [
  parseField('0 apiVersion string | Group and version of the schema, such as v1 or apps/v1.', 'meta'),
  parseField('0 kind string | Which kind of object this is.', 'meta'),
];

const parsedGroups = new Map<string, Map<string, SchemaType>>();

function parseGroup(groupKey: string): Map<string, SchemaType> {
  const types = new Map<string, SchemaType>();
  const pending: { header: string; fields: SchemaField[] }[] = [];
  for (const text of schemaGroups[groupKey]?.texts ?? []) {
    for (const line of text.split('\n')) {
      if (line === '') continue;
      if (line.startsWith(' ')) pending.at(-1)?.fields.push(parseField(line, groupKey));
      else pending.push({ header: line, fields: [] });
    }
  }
  const wire = new Map<string, SchemaField[]>();
  for (const p of pending) {
    const bar = p.header.indexOf(' | ');
    const [word, name = '', ...attributes] = (bar < 0 ? p.header : p.header.slice(0, bar)).split(' ');
    wire.set(name, p.fields);
    let flat: ReadonlyMap<string, SchemaField> | undefined;
    types.set(name, {
      qualifiedName: `${groupKey}.${name}`,
      name,
      groupKey,
      isKind: word === 'kind',
      atomic: attributes.includes('atomic'),
      description: bar < 0 ? '' : p.header.slice(bar + 3),
      get fields(): ReadonlyMap<string, SchemaField> {
        flat ??= new Map(
          [...(word === 'kind' ? typeMetaFields : []), ...flatten(p.fields)].map((f) => [f.name, f] as const),
        );
        return flat;
      },
      wireFields: p.fields,
    });
  }
  return types;
}

function flatten(fields: readonly SchemaField[]): SchemaField[] {
  return fields.flatMap((f) =>
    f.inline && f.type.form === 'message' ? flatten(schemaType(f.type.type).wireFields) : [f],
  );
}

/** All types of one group key (`core`, `apps`, …) by plain name. */
export function schemaTypesOf(groupKey: string): ReadonlyMap<string, SchemaType> {
  let types = parsedGroups.get(groupKey);
  if (types === undefined) {
    types = parseGroup(groupKey);
    parsedGroups.set(groupKey, types);
  }
  return types;
}

/** The type of that qualified name (`core.Service`); throws when no table has it. */
export function schemaType(qualifiedName: string): SchemaType {
  const dot = qualifiedName.indexOf('.');
  const found = schemaTypesOf(qualifiedName.slice(0, dot)).get(qualifiedName.slice(dot + 1));
  if (found === undefined) throw new Error(`no table has the type ${qualifiedName}; add it under src/api/schema`);
  return found;
}

/** The schema of an object by its apiVersion and kind, or undefined when no table has it. */
export function schemaOfKind(apiVersion: string, kind: string): SchemaType | undefined {
  for (const [key, g] of Object.entries(schemaGroups)) {
    if ((g.group === '' ? g.version : `${g.group}/${g.version}`) !== apiVersion) continue;
    const type = schemaTypesOf(key).get(kind);
    if (type?.isKind === true) return type;
  }
  // Options and Status travel under any group's apiVersion.
  const shared = schemaTypesOf('meta').get(kind);
  return shared?.isKind === true ? shared : undefined;
}
