// The v2 document as protobuf (gnostic's openapi.v2.Document): the only form in which kubectl up to 1.28 reads it,
// for `explain` and for checking files. Field numbers: OpenAPIv2.proto of google/gnostic.
import { isObject } from '../json.ts';
import { openapiV2 } from './documents.ts';

/** What the answer is called. Clients ask with `@` in place of the second-last dot, which no media type may contain. */
export const openapiV2ProtobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

type Json = Record<string, unknown>;

/** Appends fields; an absent value appends nothing. */
class Message {
  readonly #parts: Uint8Array[] = [];

  text(number: number, value: unknown): this {
    return typeof value === 'string' && value !== '' ? this.bytes(number, Buffer.from(value, 'utf8')) : this;
  }

  texts(number: number, values: unknown): this {
    if (Array.isArray(values)) for (const value of values) this.text(number, value);
    return this;
  }

  flag(number: number, value: unknown): this {
    if (value === true) this.#parts.push(varint(number * 8), varint(1));
    return this;
  }

  message(number: number, value: Message | undefined): this {
    return value === undefined ? this : this.bytes(number, value.finish());
  }

  messages(number: number, values: readonly Message[]): this {
    for (const value of values) this.message(number, value);
    return this;
  }

  bytes(number: number, value: Uint8Array): this {
    this.#parts.push(varint(number * 8 + 2), varint(value.length), value);
    return this;
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    out.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Uint8Array.from([...out, rest]);
}

const named = (name: string, value: Message): Message => new Message().text(1, name).message(2, value);

/** Any value travels as YAML, of which JSON is a part. */
const anyValue = (value: unknown): Message => new Message().text(2, `${JSON.stringify(value)}\n`);

const extensionsOf = (value: Json): Message[] =>
  Object.entries(value)
    .filter(([key]) => key.startsWith('x-'))
    .map(([key, extension]) => named(key, anyValue(extension)));

const entriesOf = (value: unknown): [string, Json][] =>
  isObject(value) ? Object.entries(value).map(([k, v]) => [k, isObject(v) ? v : {}]) : [];

function schema(value: Json): Message {
  const { items, properties, additionalProperties, type } = value;
  return new Message()
    .text(1, value['$ref'])
    .text(2, value['format'])
    .text(4, value['description'])
    .message(5, value['default'] === undefined ? undefined : anyValue(value['default']))
    .texts(19, value['required'])
    .message(21, isObject(additionalProperties) ? new Message().message(1, schema(additionalProperties)) : undefined)
    .message(22, typeof type === 'string' ? new Message().text(1, type) : undefined)
    .message(23, isObject(items) ? new Message().message(1, schema(items)) : undefined)
    .message(25, isObject(properties) ? namedSchemas(properties) : undefined)
    .messages(31, extensionsOf(value));
}

const namedSchemas = (schemas: Json): Message =>
  new Message().messages(
    1,
    entriesOf(schemas).map(([name, value]) => named(name, schema(value))),
  );

/** A parameter item: of the body, the query or the path. */
function parameter(value: Json): Message {
  const where = value['in'];
  const item = (inner: Message): Message => new Message().message(1, inner);
  if (where === 'body') {
    const body = new Message()
      .text(2, value['name'])
      .text(3, 'body')
      .flag(4, value['required'])
      .message(5, isObject(value['schema']) ? schema(value['schema']) : undefined);
    return item(new Message().message(1, body));
  }
  const inQuery = where === 'query';
  const plain = new Message()
    .flag(1, value['required'])
    .text(2, where)
    .text(3, value['description'])
    .text(4, value['name']);
  plain.text(inQuery ? 6 : 5, value['type']).flag(inQuery ? 20 : 19, value['uniqueItems']);
  return item(new Message().message(2, new Message().message(inQuery ? 3 : 4, plain)));
}

const parametersOf = (value: Json): Message[] =>
  Array.isArray(value['parameters']) ? value['parameters'].filter(isObject).map(parameter) : [];

function operation(value: unknown): Message | undefined {
  if (!isObject(value)) return undefined;
  const responses = entriesOf(value['responses']).map(([code, response]) => {
    const body = isObject(response['schema']) ? new Message().message(1, schema(response['schema'])) : undefined;
    return named(code, new Message().message(1, new Message().text(1, response['description']).message(2, body)));
  });
  return new Message()
    .texts(6, value['produces'])
    .texts(7, value['consumes'])
    .messages(8, parametersOf(value))
    .message(9, new Message().messages(1, responses))
    .messages(13, extensionsOf(value));
}

const pathItem = (value: Json): Message =>
  new Message()
    .message(2, operation(value['get']))
    .message(3, operation(value['put']))
    .message(4, operation(value['post']))
    .message(5, operation(value['delete']))
    .message(8, operation(value['patch']))
    .messages(9, parametersOf(value));

/** The bytes for an Accept header with `proto-openapi.spec.v2`. */
export function openapiV2Protobuf(): Uint8Array {
  const document = openapiV2();
  const info = isObject(document['info']) ? document['info'] : {};
  const paths = entriesOf(document['paths']).map(([path, value]) => named(path, pathItem(value)));
  return new Message()
    .text(1, document['swagger'])
    .message(2, new Message().text(1, info['title']).text(2, info['version']))
    .message(8, new Message().messages(2, paths))
    .message(9, namedSchemas(isObject(document['definitions']) ? document['definitions'] : {}))
    .finish();
}
