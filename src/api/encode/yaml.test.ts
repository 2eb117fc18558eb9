import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import { yamlText } from './yaml.ts';

void test('is laid out as kubectl prints YAML', () => {
  const service = {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: { name: 'web', labels: {}, creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '12' },
    spec: {
      ports: [{ port: 80, name: 'http' }, { port: 443 }],
      clusterIPs: ['10.96.0.1'],
      note: 'yes: no',
      x: [[1], []],
    },
  };
  assert.equal(
    yamlText(service),
    `apiVersion: v1
kind: Service
metadata:
  creationTimestamp: "2026-01-01T00:00:00Z"
  labels: {}
  name: web
  resourceVersion: "12"
spec:
  clusterIPs:
  - "10.96.0.1"
  note: "yes: no"
  ports:
  - name: http
    port: 80
  - port: 443
  x:
  - - 1
  - []
`,
  );
});

void test('any JSON value is read back as it was, by readers of YAML 1.1 and 1.2', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      'yes',
      'null',
      '~',
      '1e3',
      '0x1f',
      '1_000',
      '12:30',
      '2026-01-01',
      'a: b',
      '- a',
      '# a',
      'a\n b',
      '<<',
      '=',
      '',
    ),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      texts,
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      tie('list'),
      tie('map'),
    ),
    list: fc.array(tie('tree'), { maxLength: 4 }),
    map: fc.dictionary(texts, tie('tree'), { maxKeys: 4 }),
  }));
  fc.assert(
    fc.property(tree, (any) => {
      const value: unknown = JSON.parse(JSON.stringify(any));
      for (const version of ['1.1', '1.2'] as const) {
        assert.deepEqual(parse(yamlText(value), { version, merge: false, intAsBigInt: false }), value);
      }
    }),
    { numRuns: 500 },
  );
});
