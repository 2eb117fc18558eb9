// How apply sees a type: what is one value (a leaf), what is a map of fields, what is a list of items.
import { isObject } from '../json.ts';
import type { FieldType, SchemaField, SchemaType } from '../schema/schema.ts';
import { schemaType } from '../schema/schema.ts';
import { keyElement, valueElement } from './path-set.ts';

/** A place in an object: its type, and the field that says how lists and maps there behave. */
export interface Place {
  readonly type: FieldType;
  readonly field: SchemaField | undefined;
}

export type Shape =
  | { readonly form: 'leaf' }
  | { readonly form: 'struct'; readonly schema: SchemaType }
  | { readonly form: 'map'; readonly of: Place }
  | { readonly form: 'list'; readonly keys: readonly string[]; readonly of: Place };

const leaf: Shape = { form: 'leaf' };

export const rootPlace = (qualifiedName: string): Place => ({
  type: { form: 'message', type: qualifiedName },
  field: undefined,
});

export function shapeOf({ type, field }: Place): Shape {
  switch (type.form) {
    case 'scalar':
      return leaf;
    case 'message': {
      const schema = schemaType(type.type);
      return schema.atomic || field?.listType === 'atomic' ? leaf : { form: 'struct', schema };
    }
    case 'map':
      return field?.listType === 'atomic' ? leaf : { form: 'map', of: { type: type.of, field: undefined } };
    case 'list': {
      // A list that says nothing about itself is replaced as a whole.
      if (field === undefined || field.listType === undefined || field.listType === 'atomic') return leaf;
      return { form: 'list', keys: field.keys, of: { type: type.of, field: undefined } };
    }
  }
}

/** The place of a field or map entry; undefined for a field the type does not have. */
export function childPlace(shape: Shape, name: string): Place | undefined {
  if (shape.form === 'map') return shape.of;
  if (shape.form !== 'struct') return undefined;
  const field = shape.schema.fields.get(name);
  return field === undefined ? undefined : { type: field.type, field };
}

/** The path element of a list item: by its keys (absent ones by their default), or by its value. */
export function itemElement(shape: Shape & { form: 'list' }, item: unknown): string {
  if (shape.keys.length === 0) return valueElement(item);
  const keys: Record<string, unknown> = {};
  const schema = shape.of.type.form === 'message' ? schemaType(shape.of.type.type) : undefined;
  for (const key of shape.keys) {
    const value = isObject(item) ? item[key] : undefined;
    const standIn = schema?.fields.get(key)?.defaultValue;
    if (value !== undefined && value !== null) keys[key] = value;
    else if (standIn !== undefined) keys[key] = standIn;
  }
  return keyElement(keys);
}

/** True for a part that Go always has, so that its appearing is no change: embedded structs and required lists. */
export const isAlwaysThere = (place: Place): boolean =>
  place.field !== undefined && (place.field.embedded || (place.field.required && place.type.form !== 'scalar'));
