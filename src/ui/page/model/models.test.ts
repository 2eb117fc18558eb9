import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { ShareSample } from '../../contract.ts';
import { fitText } from './fit-text.ts';
import { alongPath, pathThrough } from './geometry.ts';
import { formatMicroseconds, hopRows } from './hop-rows.ts';
import { changeText } from './journey.ts';
import { ruleColumns } from './rule-columns.ts';
import { selectPods, selectServices } from './selection.ts';
import { keepRecent, shareSeries } from './share-series.ts';
import { podOn, smallTopology, walkToWeb } from './testing-walk.ts';
import { clientChoices, firstTarget, serviceChoices, traceOrder } from './trace-names.ts';

test('fitText() keeps the end, where names differ', () => {
  assert.equal(fitText('short', 100, 10), 'short');
  assert.equal(fitText('nginx-58f75d8f88-28vp2', 72, 10), 'nginx-…28vp2');
  assert.equal(fitText('nginx', 5, 10), '…');
});

test('alongPath() moves at even speed over uneven legs', () => {
  const path = [
    { x: 0, y: 0 },
    { x: 10, y: 0 },
    { x: 10, y: 30 },
  ];
  assert.deepEqual(alongPath(path, 0), { x: 0, y: 0 });
  assert.deepEqual(alongPath(path, 0.5), { x: 10, y: 10 });
  assert.deepEqual(alongPath(path, 1), { x: 10, y: 30 });
  assert.deepEqual(alongPath([{ x: 4, y: 5 }], 0.5), { x: 4, y: 5 });
  assert.equal(pathThrough(path), 'M0 0 L10 0 L10 30');
});

test('selectPods() finds by words in any order, in names, nodes and addresses', () => {
  const topology = smallTopology(podOn('node-1', 'other', { namespace: 'shop', key: 'shop/other' }));
  const names = (query: string, namespace = '', always: string[] = []) =>
    selectPods(topology, { query, namespace }, new Set(always)).map((pod) => pod.name);
  assert.deepEqual(names('node-1 web'), ['web-1', 'web-2']);
  assert.deepEqual(names('NODE-2'), ['client', 'dns-1']);
  assert.deepEqual(names('', 'shop'), ['other']);
  assert.deepEqual(names('nothing', '', ['default/client']), ['client']);
});

test('selectServices() also shows what leads to the pods found', () => {
  const filter = { query: 'web-1', namespace: '' };
  const found = selectServices(smallTopology(), filter, new Set(['default/web-1']));
  assert.deepEqual(
    found.map((service) => service.name),
    ['web'],
  );
});

test('hopRows() says what the command says', () => {
  const rows = hopRows(walkToWeb);
  assert.deepEqual(
    rows.map((row) => [row.first, row.place, row.device, row.direction, row.time]),
    [
      [true, 'default/client', 'eth0', 'out', '0.0 µs'],
      [false, 'node-2', 'lxc1', 'in', '9.5 µs'],
      [false, 'node-2', 'eth0', 'out', '120 µs'],
      [false, 'node-1', 'eth0', 'in', '130 µs'],
      [false, 'node-1', 'lxc2', 'out', '180 µs'],
      [false, 'default/web-1', 'eth0', 'in', '1.50 ms'],
    ],
  );
  assert.equal(rows[2]?.source, '10.244.1.2:41000');
  assert.equal(rows[2]?.destination, '10.244.0.9:80');
  assert.equal(rows[2]?.more, 'tcp [S] ttl 64');
  assert.deepEqual(rows[2]?.changes, ['DNAT 10.96.0.7:80 → 10.244.0.9:80']);
  assert.equal(formatMicroseconds(2_500_000), '2.50 s');
});

test('changeText() spells out an envelope', () => {
  const envelope = { kind: 'vxlan', source: '172.30.0.11', destination: '172.30.0.12', vni: 1 } as const;
  assert.equal(changeText({ kind: 'encapsulated', envelope }), 'VXLAN on: 172.30.0.11 → 172.30.0.12, VNI 1');
  assert.equal(changeText({ kind: 'decapsulated' }), 'VXLAN off');
});

const sample = (at: number, counts: Record<string, number>): ShareSample => ({ at, counts, lossy: false });

test('shareSeries() shows the share of the recent connections, not of all', () => {
  const samples = [sample(0, {}), sample(1, { a: 10 }), sample(2, { a: 10, b: 5 }), sample(3, { a: 15, b: 10 })];
  const { endpoints, points } = shareSeries(samples, 1);
  assert.deepEqual(endpoints, ['a', 'b']);
  assert.deepEqual(
    points.map((point) => point.parts),
    [undefined, [1, 0], [0, 1], [0.5, 0.5]],
  );
  assert.deepEqual(
    points.map((point) => point.rate),
    [0, 10, 5, 10],
  );
});

test('shareSeries() leaves a gap while nothing connects', () => {
  const { points } = shareSeries([sample(0, { a: 3 }), sample(5, { a: 3 })], 1);
  assert.equal(points[1]?.parts, undefined);
});

test('keepRecent() forgets what the plot does not show', () => {
  assert.deepEqual(
    keepRecent([sample(0, {}), sample(50, {})], sample(95, {}), 90).map((s) => s.at),
    [50, 95],
  );
});

test('ruleColumns() marks lines that some node lacks', () => {
  const held = [
    { node: 'n1', mode: 'iptables' as const, lines: ['-A X ! -s 10.244.0.0/24 -j M', 'both', 'one'] },
    { node: 'n2', mode: 'iptables' as const, lines: ['-A X ! -s 10.244.1.0/24 -j M', 'both'] },
  ];
  assert.deepEqual(
    ruleColumns(held).map((column) => column.lines.map((line) => line.missingOn)),
    [
      [[], [], ['n2']],
      [[], []],
    ],
  );
});

test('traceOrder() names a service as its client would', () => {
  const cases = [
    ['pod/default/shell', 'default/web 80 TCP', 'web:80', 'tcp'],
    ['pod/default/shell', 'kube-system/kube-dns 53 UDP', 'kube-dns.kube-system:53', 'udp'],
    ['node/node-1', 'default/web 80 TCP', 'svc/default/web:80', 'tcp'],
    ['external', 'default/web 80 TCP', 'svc/default/web:80', 'tcp'],
  ] as const;
  for (const [from, target, to, protocol] of cases) assert.deepEqual(traceOrder(from, target), { from, to, protocol });
});

test('the choices offer running pods, nodes, and every port', () => {
  const topology = smallTopology(podOn('node-1', 'gone', { running: false }));
  const facts = { cluster: 'c', clusterDomain: 'cluster.local', namespace: 'default', external: true };
  const values = clientChoices(topology, facts).map((group) => group.choices.map((choice) => choice.value));
  assert.deepEqual(values, [
    ['pod/default/client', 'pod/default/dns-1', 'pod/default/web-1', 'pod/default/web-2'],
    ['node/node-1', 'node/node-2'],
    ['external'],
  ]);
  const [web] = Object.values(topology.services);
  assert.ok(web);
  assert.ok(serviceChoices(topology)[0]?.choices.some((choice) => choice.value === firstTarget(web)));
});
