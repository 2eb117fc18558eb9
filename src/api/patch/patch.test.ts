// JSON Patch against fast-json-patch, merge patch against the RFC's table, strategic merge patch against the
// documented behaviour of Kubernetes.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import fastJsonPatch from 'fast-json-patch';
import { StatusError } from '../status-error.ts';
import { applyJsonPatch } from './json-patch.ts';
import { applyMergePatch } from './merge-patch.ts';
import { applyStrategicMergePatch } from './strategic-merge-patch.ts';

const safeKey = fc
  .string({ maxLength: 3 })
  .filter((k) => k !== '__proto__' && k !== 'constructor' && k !== 'prototype');
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, 0, 1, 'a', ''),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(safeKey, tie('value'), { maxKeys: 3 }),
  ),
})).value;

describe('JSON Patch', () => {
  test('a patch made by fast-json-patch turns one document into the other', () => {
    fc.assert(
      fc.property(
        fc.dictionary(safeKey, json, { maxKeys: 4 }),
        fc.dictionary(safeKey, json, { maxKeys: 4 }),
        (a, b) => {
          const plain = (v: unknown): object => JSON.parse(JSON.stringify(v)) as object;
          const [from, to] = [plain(a), plain(b)];
          assert.deepEqual(applyJsonPatch(from, fastJsonPatch.compare(from, to)), to);
          assert.deepEqual(from, plain(a));
        },
      ),
      { numRuns: 300 },
    );
  });

  const operation = fc.record({
    op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'),
    path: fc.constantFrom('/a', '/a/b', '/l/0', '/l/-', '/x', '/x/y'),
    from: fc.constantFrom('/a', '/l/0', '/x', '/l'),
    value: fc.constantFrom(1, 'x', null, { c: 1 }),
  });

  test('any list of operations gives what fast-json-patch gives, or both refuse', () => {
    const start = { a: { b: 1 }, l: [1, 2], x: 'y' };
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 4 }), (operations) => {
        const attempt = (f: () => unknown): { value: unknown } | 'refused' => {
          try {
            return { value: f() };
          } catch {
            return 'refused';
          }
        };
        const reference = attempt(
          () =>
            fastJsonPatch.applyPatch(structuredClone(start), structuredClone(operations) as never, true).newDocument,
        );
        const ours = attempt(() => applyJsonPatch(start, operations));
        // fast-json-patch does not mind moving a value into itself; the RFC does.
        const intoItself = operations.some((o) => o.op === 'move' && o.path.startsWith(`${o.from}/`));
        if (intoItself) assert.equal(ours, 'refused');
        else assert.deepEqual(ours, reference);
      }),
      { numRuns: 500 },
    );
  });

  test('an index beyond the end is refused', () => {
    assert.throws(() => applyJsonPatch({ l: [1] }, [{ op: 'add', path: '/l/2', value: 2 }]), StatusError);
    assert.throws(() => applyJsonPatch({ l: [1] }, [{ op: 'add', path: '/l/01', value: 2 }]), StatusError);
  });

  test('a test that fails is 422', () => {
    assert.throws(
      () => applyJsonPatch({ a: 1 }, [{ op: 'test', path: '/a', value: 2 }]),
      (e: unknown) => e instanceof StatusError && e.code === 422,
    );
  });

  test('copies of copies end', () => {
    const doubling = Array.from({ length: 60 }, (_, i) => ({ op: 'copy', from: '', path: `/c${i}` }));
    assert.throws(
      () => applyJsonPatch({ a: 'x' }, doubling),
      (e: unknown) => e instanceof StatusError && e.code === 413,
    );
  });

  test('__proto__ is only a name', () => {
    const out = applyJsonPatch({}, [{ op: 'add', path: '/__proto__', value: { polluted: true } }]);
    assert.equal((out as { polluted?: boolean }).polluted, undefined);
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  });
});

// RFC 7386, appendix A.
const mergeCases: readonly [unknown, unknown, unknown][] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

test('merge patch: the table of RFC 7386', () => {
  for (const [document, patch, expected] of mergeCases) assert.deepEqual(applyMergePatch(document, patch), expected);
});

const container = (name: string, more: object = {}): object => ({ name, ...more });
const pod = (spec: object): object => ({ spec });

const strategicCases: readonly [string, object, object, object][] = [
  [
    'containers merge by name',
    pod({ containers: [container('a', { image: '1' }), container('b')] }),
    pod({ containers: [{ name: 'a', image: '2' }] }),
    pod({ containers: [container('a', { image: '2' }), container('b')] }),
  ],
  [
    '$patch: delete takes an item away',
    pod({ containers: [container('a'), container('b')] }),
    pod({ containers: [{ name: 'a', $patch: 'delete' }] }),
    pod({ containers: [container('b')] }),
  ],
  [
    '$patch: replace in a list replaces it',
    pod({ containers: [container('a'), container('b')] }),
    pod({ containers: [{ name: 'c' }, { $patch: 'replace' }] }),
    pod({ containers: [container('c')] }),
  ],
  [
    '$patch: replace in an object replaces it',
    pod({ securityContext: { runAsUser: 1 } }),
    pod({ securityContext: { $patch: 'replace', fsGroup: 2 } }),
    pod({ securityContext: { fsGroup: 2 } }),
  ],
  [
    '$setElementOrder orders what the client knows, and keeps strangers in their place',
    pod({ containers: [container('a'), container('x'), container('b')] }),
    pod({ '$setElementOrder/containers': [{ name: 'b' }, { name: 'c' }, { name: 'a' }], containers: [{ name: 'c' }] }),
    pod({ containers: [container('x'), container('b'), container('c'), container('a')] }),
  ],
  [
    '$retainKeys keeps only the named fields',
    { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } },
    { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
    { spec: { strategy: { type: 'Recreate' } } },
  ],
  [
    '$deleteFromPrimitiveList',
    { metadata: { finalizers: ['a/a', 'b/b'] } },
    { metadata: { '$deleteFromPrimitiveList/finalizers': ['a/a'], finalizers: ['c/c'] } },
    { metadata: { finalizers: ['b/b', 'c/c'] } },
  ],
  [
    'a list without a key is replaced',
    pod({ tolerations: [{ key: 'a' }] }),
    pod({ tolerations: [{ key: 'b' }] }),
    pod({ tolerations: [{ key: 'b' }] }),
  ],
  [
    'null deletes',
    { metadata: { labels: { a: '1', b: '2' } } },
    { metadata: { labels: { a: null } } },
    { metadata: { labels: { b: '2' } } },
  ],
  [
    'null inside a new object leaves nothing behind',
    { metadata: {} },
    { metadata: { labels: { a: null, b: '1' } } },
    { metadata: { labels: { b: '1' } } },
  ],
];

describe('strategic merge patch', () => {
  for (const [what, original, patch, expected] of strategicCases) {
    test(what, () => {
      const schema = JSON.stringify(original).includes('strategy') ? 'apps.Deployment' : 'core.Pod';
      const before = structuredClone(original);
      assert.deepEqual(applyStrategicMergePatch(schema, original, patch), expected);
      assert.deepEqual(original, before);
    });
  }

  test('service ports merge by port', () => {
    const original = {
      spec: {
        ports: [
          { port: 80, protocol: 'TCP' },
          { port: 81, protocol: 'TCP' },
        ],
      },
    };
    const patch = { spec: { ports: [{ port: 81, targetPort: 8081 }] } };
    assert.deepEqual(applyStrategicMergePatch('core.Service', original, patch), {
      spec: {
        ports: [
          { port: 80, protocol: 'TCP' },
          { port: 81, protocol: 'TCP', targetPort: 8081 },
        ],
      },
    });
  });

  test('an item without its key is refused', () => {
    assert.throws(
      () => applyStrategicMergePatch('core.Pod', {}, pod({ containers: [{ image: 'x' }] })),
      /does not contain declared merge key: name/,
    );
  });

  test('the same patch twice changes nothing more', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const list = fc.uniqueArray(fc.record({ name, image: fc.constantFrom('1', '2') }), { selector: (c) => c.name });
    fc.assert(
      fc.property(list, list, (have, want) => {
        const patch = pod({ containers: want, '$setElementOrder/containers': want.map((c) => ({ name: c.name })) });
        const once = applyStrategicMergePatch('core.Pod', pod({ containers: have }), patch);
        assert.deepEqual(applyStrategicMergePatch('core.Pod', once, patch), once);
      }),
      { numRuns: 200 },
    );
  });
});
