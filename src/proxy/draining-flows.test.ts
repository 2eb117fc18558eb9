import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../clock/index.ts';
import type { Conntrack, ConntrackEntry, ConntrackFilter, ConntrackStatus } from '../linux/index.ts';
import { silentLogger } from '../log/index.ts';
import { DrainingFlows, drainingEndpoints, isIdleFlow } from './draining-flows.ts';
import { InformedTracker } from './fixtures/informed-tracker.ts';
import { service, slice } from './fixtures/objects.ts';

const DNS = service('ns/dns', {
  clusterIP: '10.96.0.10',
  ports: [
    { name: 'u', port: 53, protocol: 'UDP' },
    { name: 't', port: 53, protocol: 'TCP' },
  ],
});
const PORTS = [
  { name: 'u', port: 5353, protocol: 'UDP' },
  { name: 't', port: 5354, protocol: 'TCP' },
];
const READY = { ip: '10.1.0.1' };
const ENDING = { ip: '10.1.0.2', ready: false, serving: true, terminating: true };
const dnsSlice = (...endpoints: (typeof READY | typeof ENDING)[]) => slice('ns/dns', endpoints, { ports: PORTS });

test('drainingEndpoints() are those of UDP ports that end while others are ready', () => {
  const of = (...endpoints: (typeof READY | typeof ENDING)[]) =>
    [...new InformedTracker([DNS, dnsSlice(...endpoints)]).take().values()].flatMap(({ after }) =>
      drainingEndpoints(after?.ports ?? []),
    );
  assert.deepEqual(of(READY, ENDING), ['10.1.0.2:5353']);
  assert.deepEqual(of(ENDING), [], 'nobody else could answer');
  assert.deepEqual(of(READY, { ...ENDING, serving: false }), [], 'its flows are removed as stale');
  assert.deepEqual(of(READY), []);
});

test('isIdleFlow() needs an answer and more than a second of silence', () => {
  const timeouts = { simple: 30, stream: 120 };
  const rows: [timeoutSeconds: number | undefined, status: ConntrackStatus[], idle: boolean][] = [
    [29, ['seen-reply'], false],
    [28, ['seen-reply'], true],
    [28, [], false],
    [119, ['seen-reply', 'assured'], false],
    [118, ['seen-reply', 'assured'], true],
    [29, ['seen-reply', 'assured'], true],
    [undefined, ['seen-reply'], false],
  ];
  for (const [timeoutSeconds, status, idle] of rows)
    assert.equal(isIdleFlow({ timeoutSeconds, status }, timeouts), idle, `${timeoutSeconds} ${status.join()}`);
});

/** A kernel with these flows; knows no more than what is asked of it here. */
function kernelWith(flows: ConntrackEntry[]): Conntrack {
  return {
    entries: ({ replySource, replySourcePort }: ConntrackFilter = {}) =>
      flows.filter((f) => f.reply.source === replySource && f.reply.sourcePort === replySourcePort),
    deleteAll: (entries) => {
      for (const entry of entries) flows.splice(flows.indexOf(entry), 1);
      return entries.length;
    },
    delete: () => false,
    flush: () => undefined,
    count: () => flows.length,
    listen: () => ({ close: () => undefined }),
    close: () => undefined,
  };
}

function flow(sourcePort: number, to: string, timeoutSeconds: number): ConntrackEntry {
  const tuple = { family: 4 as const, protocol: 'udp' };
  return {
    id: sourcePort,
    original: { ...tuple, source: '10.1.9.9', sourcePort, destination: '10.96.0.10', destinationPort: 53 },
    reply: { ...tuple, source: to, sourcePort: 5353, destination: '10.1.9.9', destinationPort: sourcePort },
    status: ['seen-reply', 'confirmed', 'dnat'],
    tcpState: undefined,
    timeoutSeconds,
    mark: 0,
    zone: 0,
  };
}

test('idle flows are forgotten again and again while an endpoint ends, and no longer', () => {
  const clock = new ManualClock();
  const flows = [flow(1, ENDING.ip, 5), flow(2, READY.ip, 5), flow(3, ENDING.ip, 100_000)];
  const kernel = kernelWith(flows);
  const draining = new DrainingFlows({ open: () => kernel, netns: undefined, clock, log: silentLogger });
  const tracker = new InformedTracker([DNS, dnsSlice(READY, ENDING)]);
  const ports = () => flows.map((f) => f.original.sourcePort);
  const take = () => {
    const changes = tracker.take();
    tracker.commit(changes);
    draining.synced('IPv4', changes);
  };
  take();
  assert.deepEqual(ports(), [1, 2, 3], 'not at once: what was asked just now is being answered');
  clock.advance(1000);
  assert.deepEqual(ports(), [2, 3]);
  flows.push(flow(4, ENDING.ip, 5));
  clock.advance(1500);
  assert.deepEqual(ports(), [2, 3]);
  tracker.apply({ kind: 'slice', key: 'ns/dns-ipv4', object: dnsSlice(READY) });
  take();
  flows.push(flow(5, ENDING.ip, 5));
  clock.advance(60_000);
  assert.deepEqual(ports(), [2, 3, 5]);
  draining.stop();
});
