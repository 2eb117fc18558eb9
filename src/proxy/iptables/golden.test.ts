import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice, Service } from '../../api/objects.ts';
import { InformedTracker } from '../fixtures/informed-tracker.ts';
import { matchesGolden } from '../fixtures/golden.ts';
import { service, slice, type ServiceSpec } from '../fixtures/objects.ts';
import { SIX_SERVICES } from '../fixtures/six-services.ts';
import { JUMPS, KUBELET_JUMPS, fixedChains } from './fixed-chains.ts';
import { RuleBook, countRules, nodePortTail, restoreInput, type PlanContext } from './plan.ts';

const FIXED = {
  family: 'IPv4',
  masqueradeMark: 0x4000,
  randomFully: false,
  localhostNodePorts: true,
  dropInvalid: true,
  nfacct: false,
} as const;
const CONTEXT: PlanContext = {
  family: 'IPv4',
  detector: { kind: 'cidr', cidr: '10.0.0.0/8' },
  masqueradeAll: false,
  nodeIp: '192.168.0.2',
  localhostNodePorts: true,
  nfacct: false,
  fixed: fixedChains(FIXED),
  tail: nodePortTail({ family: 'IPv4', addresses: undefined, localhostNodePorts: true }),
};

function bookOf(objects: readonly (Service | EndpointSlice)[]): RuleBook {
  const book = new RuleBook();
  book.commit(book.plan(new InformedTracker(objects).take(), CONTEXT));
  return book;
}

test('the six services give the golden rule set', () => {
  const text = restoreInput(bookOf(SIX_SERVICES).chains, { jumps: [...JUMPS, ...KUBELET_JUMPS], canaries: true });
  matchesGolden(text, new URL('testdata/six-services.rules', import.meta.url));
});

/** Rules of n services of a kind with e endpoints each: [filter, nat]. */
function counts(n: number, e: number, spec: ServiceSpec, ingress = false): [number, number] {
  const objects: (Service | EndpointSlice)[] = [];
  for (let i = 0; i < n; i++) {
    const key = `ns/svc${i}`;
    const ports = [{ name: 'p', port: 80, ...(spec.type === undefined ? {} : { nodePort: 30_000 + i }) }];
    const status = ingress ? { status: { loadBalancer: { ingress: [{ ip: `1.2.3.${i}` }] } } } : {};
    objects.push(service(key, { ...spec, clusterIP: `10.96.0.${i + 1}`, ports }, status));
    const endpoints = Array.from({ length: e }, (_, j) => ({ ip: `10.180.${i}.${j + 1}` }));
    objects.push(slice(key, endpoints, { family: 'IPv4', ports: [{ name: 'p', port: 80 }] }));
  }
  const { chains } = bookOf(objects);
  return [countRules(chains, 'filter'), countRules(chains, 'nat')];
}

test('the number of rules grows as in kube-proxy', () => {
  assert.deepEqual(counts(0, 0, {}), [4, 5]);
  // One entry and one masquerade rule for a port; a choice and two rules for an endpoint.
  assert.deepEqual(counts(1, 0, {}), [5, 5]);
  assert.deepEqual(counts(1, 1, {}), [4, 10]);
  assert.deepEqual(counts(1, 2, {}), [4, 13]);
  assert.deepEqual(counts(1, 10, {}), [4, 37]);
  assert.deepEqual(counts(10, 0, {}), [14, 5]);
  assert.deepEqual(counts(10, 1, {}), [4, 55]);
  assert.deepEqual(counts(10, 10, {}), [4, 5 + 10 * 32]);
  // A node port adds its entry and the two rules of the external chain.
  assert.deepEqual(counts(1, 1, { type: 'NodePort' }), [4, 13]);
  assert.deepEqual(counts(1, 0, { type: 'NodePort' }), [6, 5]);
  assert.deepEqual(counts(1, 1, { type: 'LoadBalancer' }, true), [4, 14]);
  const ranges = { type: 'LoadBalancer', loadBalancerSourceRanges: ['1.2.3.0/24'] };
  assert.deepEqual(counts(1, 1, ranges, true), [5, 16]);
});

test('endpoint rules of a large cluster go without comments', () => {
  const endpoints = Array.from({ length: 1001 }, (_, i) => ({ ip: `10.1.${i >> 8}.${i & 255}` }));
  const book = bookOf([
    service('ns/big', { clusterIP: '10.96.0.1', ports: [{ port: 80 }] }),
    slice('ns/big', endpoints),
  ]);
  assert.equal(book.largeCluster, true);
  const texts = [...book.chains].filter(([id]) => id.includes('KUBE-SEP-')).map(([, text]) => text);
  assert.equal(texts.length, 1001);
  assert.ok(texts.every((t) => !t.includes('--comment')));
});
