import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EndpointSlice, discovery } from '../../api/objects.ts';
import { portsKey } from './desired-endpoints.ts';
import type { EndpointGroup } from './desired-endpoints.ts';
import { planSlices } from './plan-slices.ts';
import type { SlicePlan } from './plan-slices.ts';

const port = (n: number): discovery.EndpointPort[] => [{ name: '', port: n, protocol: 'TCP' }];
const endpoint = (name: string, ready = true): discovery.Endpoint => ({
  addresses: [`10.0.0.${name}`],
  conditions: { ready },
  targetRef: { kind: 'Pod', name, uid: name },
});
const group = (ports: discovery.EndpointPort[], names: readonly string[]): [string, EndpointGroup] => [
  portsKey(ports),
  { ports, endpoints: names.map((n) => endpoint(n)) },
];
const slice = (name: string, ports: discovery.EndpointPort[], names: readonly string[]): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '' },
  addressType: 'IPv4',
  ports,
  endpoints: names.map((n) => endpoint(n)),
});
const namesOf = (endpoints: readonly discovery.Endpoint[] | undefined) =>
  (endpoints ?? []).map((e) => e.targetRef?.name ?? '');
/** `a=1,2` for a slice with its endpoints. */
const summary = (plan: SlicePlan) => ({
  create: plan.create.map((s) => namesOf(s.endpoints).join()),
  update: plan.update.map((u) => `${u.slice.metadata.name}=${namesOf(u.endpoints).join()}`),
  delete: plan.delete.map((s) => s.metadata.name),
});

test('slices are filled with as few writes as possible', () => {
  const p = port(80);
  const cases: [name: string, existing: EndpointSlice[], want: string[], expected: ReturnType<typeof summary>][] = [
    ['first', [], ['1', '2'], { create: ['1,2'], update: [], delete: [] }],
    ['nothing to do', [slice('a', p, ['1'])], ['1'], { create: [], update: [], delete: [] }],
    ['one more fits', [slice('a', p, ['1'])], ['1', '2'], { create: [], update: ['a=1,2'], delete: [] }],
    [
      'full: another slice',
      [slice('a', p, ['1', '2', '3'])],
      ['1', '2', '3', '4'],
      { create: ['4'], update: [], delete: [] },
    ],
    [
      'a slice that changes anyway takes the new one, not the fuller one',
      [slice('a', p, ['1', '2']), slice('b', p, ['3'])],
      ['1', '2', '4'],
      { create: [], update: ['b=4'], delete: [] },
    ],
    [
      'of untouched slices the one that is filled best',
      [slice('a', p, ['1']), slice('b', p, ['2', '3'])],
      ['1', '2', '3', '4'],
      { create: [], update: ['b=2,3,4'], delete: [] },
    ],
    [
      'an emptied slice goes',
      [slice('a', p, ['1']), slice('b', p, ['2'])],
      ['1'],
      { create: [], update: [], delete: ['b'] },
    ],
    [
      'more than one slice full',
      [],
      ['1', '2', '3', '4', '5', '6', '7'],
      { create: ['1,2,3', '4,5,6', '7'], update: [], delete: [] },
    ],
    [
      'an endpoint that is in two slices stays in one',
      [slice('a', p, ['1']), slice('b', p, ['1', '2'])],
      ['1', '2'],
      { create: [], update: ['b=2'], delete: [] },
    ],
  ];
  for (const [name, existing, want, expected] of cases) {
    assert.deepEqual(summary(planSlices(existing, new Map([group(p, want)]), 3)), expected, name);
  }
});

test('a Service without endpoints keeps one empty slice', () => {
  const empty = { ...slice('a', [], []), ports: [] };
  assert.deepEqual(summary(planSlices([], new Map(), 3)), { create: [''], update: [], delete: [] });
  assert.deepEqual(summary(planSlices([empty], new Map(), 3)), { create: [], update: [], delete: [] });
  assert.deepEqual(summary(planSlices([slice('a', port(80), ['1']), slice('b', port(80), ['2'])], new Map(), 3)), {
    create: [],
    update: ['a='],
    delete: ['b'],
  });
  // And the placeholder becomes the first real slice.
  assert.deepEqual(summary(planSlices([empty], new Map([group(port(80), ['1'])]), 3)), {
    create: [],
    update: ['a=1'],
    delete: [],
  });
});

test('a changed port changes the slice instead of replacing it', () => {
  const plan = planSlices([slice('a', port(80), ['1', '2'])], new Map([group(port(8080), ['1', '2'])]), 3);
  assert.deepEqual(summary(plan), { create: [], update: ['a=1,2'], delete: [] });
  assert.deepEqual(plan.update[0]?.ports, port(8080));
});

test('a change of readiness is a change', () => {
  const [key, wanted] = group(port(80), ['1']);
  const notReady = new Map([[key, { ...wanted, endpoints: [endpoint('1', false)] }]]);
  assert.deepEqual(summary(planSlices([slice('a', port(80), ['1'])], notReady, 3)).update, ['a=1']);
});

/** What the server holds after the plan. */
function apply(existing: readonly EndpointSlice[], plan: SlicePlan): EndpointSlice[] {
  const updates = new Map(plan.update.map((u) => [u.slice, u]));
  return [
    ...existing
      .filter((s) => !plan.delete.includes(s))
      .map((s) => {
        const u = updates.get(s);
        return u === undefined ? s : { ...s, ports: u.ports, endpoints: u.endpoints };
      }),
    ...plan.create.map((c, i) => ({ ...slice(`new-${i}`, c.ports, []), endpoints: c.endpoints })),
  ];
}

test('for any slices and any wishes: all endpoints are there once, no slice is too full, a second plan is empty', () => {
  const names = fc.uniqueArray(fc.integer({ min: 1, max: 30 }).map(String), { maxLength: 20 });
  const ports = fc.constantFrom(80, 8080).map(port);
  const existing = fc.array(fc.tuple(ports, names), { maxLength: 6 });
  const wanted = fc.tuple(names, names);
  fc.assert(
    fc.property(existing, wanted, fc.integer({ min: 1, max: 7 }), (have, [first, second], max) => {
      const slices = have.map(([p, n], i) => slice(`s${i}`, p, n.slice(0, max)));
      const groups = [group(port(80), first), group(port(8080), second)].filter(([, g]) => g.endpoints.length > 0);
      const desired = new Map(groups);
      const after = apply(slices, planSlices(slices, desired, max));
      for (const [key, g] of desired) {
        const found = after.filter((s) => portsKey(s.ports) === key).flatMap((s) => namesOf(s.endpoints));
        assert.deepEqual(found.toSorted(), namesOf(g.endpoints).toSorted());
      }
      assert.ok(after.length >= 1);
      for (const s of after) assert.ok((s.endpoints ?? []).length <= max);
      if (desired.size === 0) assert.equal(after.length, 1);
      assert.deepEqual(summary(planSlices(after, desired, max)), { create: [], update: [], delete: [] });
    }),
    { numRuns: 300 },
  );
});
