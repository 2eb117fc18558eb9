// What a trace leaves to others: nothing behind, however it ends; and a pcapng that Wireshark's reader takes as
// it is.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import type { TraceReport } from '../../src/trace/index.ts';
import { eventually, must, portico, run, shellManifest, startCluster, webManifest } from './cluster-fixture.ts';
import type { Cluster } from './cluster-fixture.ts';

const traceArgs = (cluster: Cluster, ...args: string[]) => ['trace', ...cluster.flags, '--json', 'shell', ...args];

/** Everything a trace makes, on every node and on the machine. */
function remains(cluster: Cluster): string[] {
  const tables = ['node-1', 'node-2'].flatMap((node) =>
    cluster
      .inNode(node, 'nft', 'list', 'tables')
      .split('\n')
      .filter((line) => line.includes('portico-trace')),
  );
  const processes = must('ps', ['-eo', 'args'])
    .split('\n')
    .filter((line) => /portico-trace|nft -i/.test(line));
  const instances = must('unshare', [
    '--mount',
    'sh',
    '-c',
    'd=/sys/kernel/tracing; [ -d $d/instances ] || mount -t tracefs nodev $d; ls $d/instances',
  ]);
  return [...tables, ...processes, ...instances.split('\n').filter((line) => line.includes('portico-trace'))];
}

async function startWeb(cluster: Cluster): Promise<void> {
  cluster.apply(webManifest({ name: 'web', replicas: 2 }));
  cluster.apply(shellManifest('shell', 'node-1'));
  cluster.kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=30s');
  await eventually('a trace that ends well', () =>
    run(portico, traceArgs(cluster, 'web')).status === 0 ? true : undefined,
  );
}

test('a trace leaves nothing behind, killed, interrupted, and ten at once', async () => {
  await using cluster = startCluster('--nodes', '2', '--network', 'vxlan', '--proxy-mode', 'nftables');
  await startWeb(cluster);
  const list = () =>
    must('ip', ['netns', 'list'])
      .split('\n')
      .filter((line) => line.startsWith(cluster.name))
      .toSorted();
  const namespaces = list();
  assert.deepEqual(remains(cluster), []);

  const vip = cluster.kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
  // Nothing answers, so the trace waits, and then asks the kernel why.
  cluster.inNode(
    'node-1',
    'nft',
    'add table ip fence; add chain ip fence raw { type filter hook postrouting priority 400; }',
  );
  const target = `${vip}:80`;
  cluster.inNode('node-1', 'nft', 'add rule ip fence raw ip daddr 10.244.0.0/16 tcp dport 80 tcp flags syn drop');
  for (const [signal, afterMs] of [
    ['SIGKILL', 1500],
    ['SIGINT', 1500],
    ['SIGKILL', 300],
  ] as const) {
    const child = spawn(portico, [...traceArgs(cluster, target), '--timeout', '20'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    await eventually('a trace under way', () => (remains(cluster).length > 0 ? true : undefined));
    await sleep(afterMs);
    child.kill(signal);
    const code = await ended;
    if (signal === 'SIGINT') {
      assert.equal(code, 130, 'at once, and not when the time to wait is over');
      assert.match(said, /^portico: interrupted before a connection was seen to its end; nothing is left behind\n$/);
    }
    await eventually(`nothing left after ${signal}`, () => (remains(cluster).length === 0 ? true : undefined), 5000);
  }
  const dropped = JSON.parse(run(portico, [...traceArgs(cluster, target), '--timeout', '1']).stdout) as TraceReport;
  assert.equal(dropped.verdict.code, 'dropped-by-rule', dropped.verdict.sentence);
  assert.match(dropped.verdict.sentence, /on node-1 by ip fence raw: .*drop, a rule that is not of the service proxy/);
  cluster.inNode('node-1', 'nft', 'delete', 'table', 'ip', 'fence');

  const ten = await Promise.all(
    Array.from({ length: 10 }, async () => {
      const child = spawn(portico, traceArgs(cluster, 'web'), { stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      for await (const chunk of child.stdout) text += String(chunk);
      return JSON.parse(text) as TraceReport;
    }),
  );
  for (const { verdict, walks } of ten) {
    assert.equal(verdict.code, 'ok', verdict.sentence);
    const hops = walks[0]?.legs.map((leg) => leg.hops.length) ?? [];
    assert.ok(hops.join() === '4,4' || hops.join() === '8,8', hops.join());
    const rules = walks[0]?.legs[0]?.hops.flatMap((hop) => hop.rules) ?? [];
    assert.ok(
      rules.some((rule) => rule.text?.includes('dnat')),
      'each sees its own rules',
    );
  }
  assert.deepEqual(remains(cluster), []);
  assert.deepEqual(list(), namespaces);
});

test('tshark reads the pcapng without settings', async () => {
  await using cluster = startCluster('--nodes', '2', '--network', 'vxlan');
  await startWeb(cluster);
  const dir = mkdtempSync(path.join(tmpdir(), 'portico-pcap-'));
  const pcap = path.join(dir, 'trace.pcapng');
  try {
    const report = await eventually('a walk to node-2', () => {
      const traced = JSON.parse(run(portico, [...traceArgs(cluster, 'web'), '--pcap', pcap]).stdout) as TraceReport;
      return traced.walks[0]?.endpoint?.node === 'node-2' ? traced : undefined;
    });
    const [walk] = report.walks;
    const tshark = (...args: string[]) =>
      must('tshark', ['-n', '-r', pcap, ...args])
        .split('\n')
        .filter(Boolean);
    const names = new Set(tshark('-T', 'fields', '-e', 'frame.interface_name'));
    for (const hop of walk?.legs.flatMap((leg) => leg.hops) ?? []) {
      assert.ok(
        names.has(`${hop.place.name}/${hop.device}`),
        `${hop.place.name}/${hop.device} in ${[...names].join(' ')}`,
      );
    }
    const comments = tshark('-T', 'fields', '-e', 'frame.comment').join('\n');
    assert.match(comments, /^DNAT [\d.]+:80 -> 10\.244\.\d+\.\d+:80$/m);
    assert.match(comments, /^un-DNAT /m);
    const last = walk?.legs[0]?.hops.at(-1)?.packet;
    const inner = tshark('-Y', `vxlan && ip.dst == ${last?.destination} && tcp.flags.syn == 1 && tcp.flags.ack == 0`);
    assert.equal(inner.length, 2, 'the SYN leaves node-1 and reaches node-2 in its envelope');
    // What is cut at the snap length is not whole; what has no payload is.
    const malformed = tshark('-Y', '_ws.malformed && tcp.len == 0');
    assert.deepEqual(malformed, []);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
