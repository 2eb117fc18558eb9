import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DaemonSet, Node, Pod, apps, core } from '../../api/objects.ts';
import { daemonTemplate, nodeOfDaemon, nodeWants, planDaemons } from './plan-daemons.ts';

const stored = (name: string) => ({ name, uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' });
const set = (spec: core.PodSpec = { containers: [] }, rolling?: apps.RollingUpdateDaemonSet): DaemonSet => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: stored('agent'),
  spec: {
    selector: {},
    template: { spec },
    updateStrategy: { type: 'RollingUpdate', ...(rolling === undefined ? {} : { rollingUpdate: rolling }) },
  },
});
const node = (name: string, taints: core.Taint[] = [], labels: Record<string, string> = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { ...stored(name), labels },
  spec: { taints },
});
/** `new`, `old`, with `!` not ready, `x` being deleted, `-` failed. */
const pod = (on: string, kind: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...stored(`${on}-${kind}`),
    labels: { 'controller-revision-hash': kind.includes('old') ? 'old' : 'new' },
    ...(kind.includes('x') ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
  },
  spec: { containers: [], nodeName: on },
  status: {
    phase: kind.includes('-') ? 'Failed' : 'Running',
    conditions: [{ type: 'Ready', status: /[!-]/.test(kind) ? 'False' : 'True' }],
  },
});
function plan(s: DaemonSet, have: Readonly<Record<string, string>>, more: readonly Node[] = []) {
  const nodes = [...Object.keys(have).map((n) => node(n)), ...more];
  const podsByNode = new Map(
    Object.entries(have).map(([on, kinds]) => [
      on,
      kinds
        .split(' ')
        .filter((k) => k !== '')
        .map((k) => pod(on, k)),
    ]),
  );
  const p = planDaemons({ set: s, nodes, podsByNode, revision: 'new', nowMs: 0 });
  return [
    ...p.create.map((n) => `+${n}`),
    ...p.delete.map((d) => `-${d.metadata.name}`),
    ...p.failed.map((d) => `!${d.metadata.name}`),
  ].join(' ');
}

test('every node gets one, and loses what is too much', () => {
  assert.equal(plan(set(), { a: '', b: 'new', c: 'newx' }), '+a');
  assert.equal(plan(set(), { a: 'new new!' }), '-a-new!');
  assert.equal(plan(set(), { a: 'new-' }), '!a-new-');
});

test('a rolling update replaces as many as may be unavailable, broken ones at once', () => {
  assert.equal(plan(set(), { a: 'old', b: 'old', c: 'old' }), '-a-old');
  assert.equal(plan(set(), { a: 'oldx', b: 'old', c: 'old' }), '');
  assert.equal(plan(set(), { a: 'new!', b: 'old' }), '');
  assert.equal(plan(set(), { a: 'new', b: 'old!', c: 'old' }), '-b-old!');
  assert.equal(
    plan(set(undefined, { maxUnavailable: '50%' }), { a: 'old', b: 'old', c: 'old', d: 'old' }),
    '-a-old -b-old',
  );
});

test('with surge the new one comes before the old one goes', () => {
  const surge = set(undefined, { maxSurge: 1, maxUnavailable: 0 });
  assert.equal(plan(surge, { a: 'old', b: 'old' }), '+a');
  assert.equal(plan(surge, { a: 'old new!', b: 'old' }), '');
  assert.equal(plan(surge, { a: 'old new', b: 'old' }), '+b -a-old');
});

test('taints: a daemon stays on nodes that are not ready, but asks to be let in elsewhere', () => {
  const on = (taint: core.Taint, spec?: core.PodSpec) => nodeWants(set(spec), node('n', [taint]));
  const both = { run: true, stay: true };
  assert.deepEqual(on({ key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' }), both);
  assert.deepEqual(on({ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }), both);
  assert.deepEqual(on({ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }), { run: false, stay: true });
  assert.deepEqual(on({ key: 'x', effect: 'NoExecute' }), { run: false, stay: false });
  assert.deepEqual(
    on({ key: 'x', effect: 'NoExecute' }, { containers: [], tolerations: [{ operator: 'Exists' }] }),
    both,
  );
  assert.deepEqual(on({ key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' }), {
    run: false,
    stay: true,
  });
  const host = { containers: [], hostNetwork: true };
  assert.deepEqual(on({ key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' }, host), both);
});

test('only selected nodes, and a pod that left the selection goes', () => {
  const selective = set({ containers: [], nodeSelector: { disk: 'ssd' } });
  assert.equal(plan(selective, { a: 'new' }, [node('b', [], { disk: 'ssd' })]), '+b -a-new');
});

test('the node of a daemon is known before it is bound', () => {
  const made = daemonTemplate({ spec: { containers: [] } }, 'n1', 'h');
  const unbound: Pod = { ...pod('n1', 'new'), ...(made.spec === undefined ? {} : { spec: made.spec }) };
  assert.equal(unbound.spec?.nodeName, undefined);
  assert.equal(nodeOfDaemon(unbound), 'n1');
});
