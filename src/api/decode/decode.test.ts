// Decoding: the words of Go's decoder, what is dropped, duplicate keys, YAML, and protobuf against protobufjs.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { allResources } from '../resource-lookup.ts';
import { apiVersionOf } from '../resources.ts';
import { schemaOfKind } from '../schema/schema.ts';
import { StatusError } from '../status-error.ts';
import { arbitraryObject } from '../testing-arbitraries.ts';
import { envelope, protobufBytes } from '../testing-protobuf.ts';
import { decodeObject } from './decode-body.ts';
import { decodeAs } from './decode-object.ts';
import { findDuplicateKeys } from './duplicate-keys.ts';
import { parseBody } from './parse-body.ts';
import { decodeProtobuf } from './protobuf.ts';

const Service = { apiVersion: 'v1', kind: 'Service' };
const Pod = { apiVersion: 'v1', kind: 'Pod' };

function refusal(f: () => unknown): string {
  try {
    f();
  } catch (e) {
    assert.ok(e instanceof StatusError);
    assert.equal(e.code, 400);
    return e.message;
  }
  assert.fail('nothing was refused');
}

const wrongTypes: readonly [typeof Service, object, string][] = [
  [
    Service,
    { spec: { ports: [{ port: 'x' }] } },
    'cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32',
  ],
  [
    Service,
    { spec: { ports: {} } },
    'cannot unmarshal object into Go struct field ServiceSpec.spec.ports of type []v1.ServicePort',
  ],
  [Service, { spec: 'x' }, 'cannot unmarshal string into Go struct field Service.spec of type v1.ServiceSpec'],
  [
    Service,
    { metadata: { labels: { a: 1 } } },
    'cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
  ],
  [
    Service,
    { spec: { ports: [{ port: 1.5 }] } },
    'cannot unmarshal number 1.5 into Go struct field ServicePort.spec.ports.port of type int32',
  ],
  [
    Service,
    { spec: { publishNotReadyAddresses: 'true' } },
    'cannot unmarshal string into Go struct field ServiceSpec.spec.publishNotReadyAddresses of type bool',
  ],
];

describe('decodeObject', () => {
  for (const [kind, value, expected] of wrongTypes) {
    test(expected, () => {
      const text = refusal(() => decodeObject(kind, value));
      assert.equal(text, `Service in version "v1" cannot be handled as a Service: json: ${expected}`);
    });
  }

  test('unknown fields: Strict refuses, Warn tells, Ignore drops', () => {
    const value = { spec: { portz: 1, ports: [{ port: 80, foo: 1 }] } };
    assert.equal(
      refusal(() => decodeObject(Service, value, { fieldValidation: 'Strict' })),
      'Service in version "v1" cannot be handled as a Service: strict decoding error: unknown field "spec.portz", unknown field "spec.ports[0].foo"',
    );
    const warned = decodeObject(Service, value, { fieldValidation: 'Warn' });
    assert.deepEqual(warned.warnings, ['unknown field "spec.portz"', 'unknown field "spec.ports[0].foo"']);
    assert.deepEqual(warned.object.spec, { ports: [{ port: 80 }] });
    assert.deepEqual(decodeObject(Service, value).warnings, []);
  });

  test('nothing is left out, but an explicit zero of a pointer stays', () => {
    const { object } = decodeObject(Pod, {
      metadata: { labels: {}, annotations: null, name: '' },
      spec: {
        hostNetwork: false,
        enableServiceLinks: false,
        terminationGracePeriodSeconds: 0,
        nodeName: '',
        volumes: [{ name: 'v', emptyDir: {} }],
        containers: [{ name: 'c', env: [{ name: 'A', value: '' }], resources: {}, args: [] }],
      },
      status: {},
    });
    assert.deepEqual(object, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {},
      spec: {
        enableServiceLinks: false,
        terminationGracePeriodSeconds: 0,
        volumes: [{ name: 'v', emptyDir: {} }],
        containers: [{ name: 'c', env: [{ name: 'A' }] }],
      },
    });
  });

  test('quantities and times become canonical', () => {
    const { object } = decodeObject(Pod, {
      metadata: { creationTimestamp: '2026-01-02T03:04:05.678+01:00' },
      spec: { containers: [{ name: 'c', resources: { limits: { cpu: 0.5, memory: '1024Mi' } } }] },
    });
    assert.equal(object.metadata.creationTimestamp, '2026-01-02T02:04:05Z');
    const [container] = (object.spec as { containers: { resources: { limits: object } }[] }).containers;
    assert.deepEqual(container?.resources.limits, { cpu: '500m', memory: '1Gi' });
    assert.match(
      refusal(() => decodeObject(Pod, { spec: { containers: [{ name: 'c', resources: { limits: { cpu: 'x' } } }] } })),
      /quantities must match the regular expression/,
    );
  });

  test('another kind is refused', () => {
    assert.equal(
      refusal(() => decodeObject(Service, { apiVersion: 'v1', kind: 'Pod' })),
      'the kind in the data (Pod) does not match the expected kind (Service)',
    );
    assert.equal(
      refusal(() => decodeObject(Service, { apiVersion: 'apps/v1', kind: 'Service' })),
      'the API version in the data (apps/v1) does not match the expected API version (v1)',
    );
  });

  test('what was decoded decodes to itself', () => {
    const text = fc.constantFrom('a', 'b', '');
    const value = fc.record(
      {
        metadata: fc.record({ name: text, labels: fc.dictionary(text, text) }, { requiredKeys: [] }),
        spec: fc.record(
          {
            selector: fc.dictionary(text, text),
            ports: fc.array(fc.record({ port: fc.nat(9), name: text })),
            type: text,
          },
          { requiredKeys: [] },
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(value, (v) => {
        const once = decodeObject(Service, v).object;
        assert.deepEqual(decodeObject(Service, once).object, once);
      }),
      { numRuns: 200 },
    );
  });
});

describe('bodies', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

  test('JSON with keys twice', async () => {
    const body = await parseBody('application/json', bytes('{"spec":{"ports":[{"port":80,"port":81}],"a":1,"a":2}}'));
    assert.deepEqual(body.duplicateFields(), ['spec.ports[0].port', 'spec.a']);
    assert.equal(
      refusal(() =>
        decodeObject(Service, body.value, { fieldValidation: 'Strict', duplicateFields: body.duplicateFields }),
      ),
      'Service in version "v1" cannot be handled as a Service: strict decoding error: unknown field "spec.a", duplicate field "spec.ports[0].port", duplicate field "spec.a"',
    );
  });

  test('duplicate keys are found in any JSON, and only there', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        assert.deepEqual(findDuplicateKeys(JSON.stringify(value, null, 1)), []);
      }),
      { numRuns: 200 },
    );
    assert.deepEqual(findDuplicateKeys('{"a\\"":1,"b":[{"x":"{\\"x\\":1,\\"x\\":2}"}],"a\\"":2}'), ['a"']);
  });

  test('YAML', async () => {
    const { value } = await parseBody('application/yaml', bytes('kind: Service\nspec:\n  ports:\n  - port: 80\n'));
    assert.deepEqual(value, { kind: 'Service', spec: { ports: [{ port: 80 }] } });
  });

  test('YAML with keys twice', async () => {
    const body = await parseBody(
      'application/yaml',
      bytes('spec:\n  ports:\n  - port: 80\n    port: 81\n  type: a\n  type: b\n'),
    );
    assert.deepEqual(body.duplicateFields(), ['spec.ports[0].port', 'spec.type']);
  });

  test('a body nested very deep is refused', async () => {
    const deep = `{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    for (const type of ['application/json', 'application/yaml']) {
      await assert.rejects(parseBody(type, bytes(deep)), (e: unknown) => e instanceof StatusError && e.code === 400);
    }
  });

  test('a small YAML text that unfolds into a huge value is refused', async () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 9; i++) lines.push(`a${i}: &a${i} [${`*a${i - 1}, `.repeat(9)}*a${i - 1}]`);
    await assert.rejects(parseBody('application/yaml', bytes(lines.join('\n'))), StatusError);
  });

  test('malformed JSON and unknown media types are failures, not crashes', async () => {
    for (const text of ['', '{', '{"a":}', 'x', '[1,', '"\\u12']) {
      await assert.rejects(
        parseBody('application/json', bytes(text)),
        (e: unknown) => e instanceof StatusError && e.code === 400,
      );
    }
    await assert.rejects(parseBody('text/csv', bytes('a')), (e: unknown) => e instanceof StatusError && e.code === 415);
  });
});

describe('protobuf', () => {
  for (const resource of allResources) {
    test(`${resource.group}/${resource.kind}: what protobufjs encodes is decoded to the same JSON`, () => {
      const apiVersion = apiVersionOf(resource);
      const schema = schemaOfKind(apiVersion, resource.kind);
      assert.ok(schema);
      fc.assert(
        fc.property(arbitraryObject(schema, { depth: 4 }), (value) => {
          const decoded = decodeProtobuf(protobufBytes({ ...value, apiVersion, kind: resource.kind }));
          assert.deepEqual(
            decodeAs(schema, decoded).object,
            decodeAs(schema, { ...value, apiVersion, kind: resource.kind }).object,
          );
        }),
        { numRuns: 12 },
      );
    });
  }

  test('bytes of any kind never do more than refuse', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => {
        for (const bytes of [
          raw,
          envelope('v1', 'Pod', raw),
          Buffer.concat([Buffer.from([0x6b, 0x38, 0x73, 0]), raw]),
        ]) {
          try {
            decodeProtobuf(bytes);
          } catch (e) {
            assert.ok(e instanceof StatusError && e.code === 400);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test('an unknown kind is refused', () => {
    assert.match(
      refusal(() => decodeProtobuf(envelope('v9', 'Gadget', new Uint8Array()))),
      /no kind "Gadget" is registered for version "v9"/,
    );
  });
});
