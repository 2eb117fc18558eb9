// Gives required fields that a client left out the value that Go gives them: "", 0, false, an empty struct. After this
// a required field of a number, text or struct type is always there.
import { isObject } from '../json.ts';
import type { FieldType, ScalarName, SchemaField, SchemaType } from '../schema/schema.ts';
import { schemaType } from '../schema/schema.ts';

const zeros: Readonly<Partial<Record<ScalarName, string | number | boolean>>> = {
  string: '',
  bytes: '',
  int32: 0,
  int64: 0,
  double: 0,
  bool: false,
  quantity: '0',
  intorstring: 0,
};

const plans = new WeakMap<SchemaType, readonly SchemaField[]>();

/** Fields that are required, or that may hold some that are. */
function planOf(type: SchemaType): readonly SchemaField[] {
  let plan = plans.get(type);
  if (plan === undefined) {
    plan = [...type.fields.values()].filter((f) => f.required || innermost(f.type).form === 'message');
    plans.set(type, plan);
  }
  return plan;
}

const innermost = (type: FieldType): FieldType =>
  type.form === 'list' || type.form === 'map' ? innermost(type.of) : type;

export function fillRequired(type: SchemaType, object: Record<string, unknown>): void {
  for (const field of planOf(type)) {
    if (object[field.name] === undefined && field.required) {
      const zero = field.type.form === 'scalar' ? zeros[field.type.scalar] : field.embedded ? {} : undefined;
      if (zero !== undefined) object[field.name] = zero;
    }
    fillValue(field.type, object[field.name]);
  }
}

function fillValue(type: FieldType, value: unknown): void {
  if (type.form === 'message') {
    if (isObject(value)) fillRequired(schemaType(type.type), value);
  } else if (type.form === 'list') {
    if (Array.isArray(value)) for (const item of value) fillValue(type.of, item);
  } else if (type.form === 'map' && type.of.form === 'message' && isObject(value)) {
    for (const item of Object.values(value)) fillValue(type.of, item);
  }
}
