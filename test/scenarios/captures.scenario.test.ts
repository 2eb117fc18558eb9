// What the article's figures show, seen by tcpdump at every hop, for native routing and for the overlay: the virtual
// address before DNAT, the pod's address after, node addresses around it on the overlay, and the virtual address as
// the source again on the way home.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { eventually, must, shellManifest, startCluster, webManifest, type Cluster } from './cluster-fixture.ts';

interface Seen {
  device: string;
  direction: 'In' | 'Out';
  /** `source > destination`, with ports; of the inner packet on the overlay. */
  flow: string;
  flags: string;
  /** `source > destination` of the envelope, without ports. */
  outer?: string;
}

/** Parses `tcpdump -i any -n`: a line a packet, and a second, indented one for what a VXLAN envelope carries. */
function parseCapture(text: string): Seen[] {
  const seen: Seen[] = [];
  let envelope: { device: string; direction: 'In' | 'Out'; outer: string } | undefined;
  for (const line of text.split('\n')) {
    const outer = /^\S+ (\S+) +(In|Out) +IP (\S+)\.\d+ > (\S+)\.4789: VXLAN/.exec(line);
    if (outer !== null) {
      const [, device = '', direction, source, destination] = outer;
      envelope = { device, direction: direction as 'In' | 'Out', outer: `${source} > ${destination}` };
      continue;
    }
    const packet = /(?:^\S+ (\S+) +(In|Out) +)?IP (\S+) > (\S+): Flags \[([^\]]+)\]/.exec(line);
    if (packet === null) continue;
    const [, device, direction, source, destination, flags = ''] = packet;
    const flow = `${source} > ${destination}`;
    if (device !== undefined) seen.push({ device, direction: direction as 'In' | 'Out', flow, flags });
    else if (envelope !== undefined) seen.push({ ...envelope, flow, flags });
    envelope = undefined;
  }
  return seen;
}

/** Captures in a namespace while `work` runs. */
async function capture(
  namespaces: Readonly<Record<string, string>>,
  work: () => void,
): Promise<Record<string, Seen[]>> {
  const running = Object.entries(namespaces).map(([where, netns]) => {
    const args = ['netns', 'exec', netns, 'tcpdump', '-i', 'any', '-n', '-l', '-tt', '-s', '256', '--immediate-mode'];
    const child = spawn('ip', [...args, 'tcp port 80 or udp port 4789'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    let ready = false;
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (ready ||= chunk.includes('listening')));
    return { where, child, text: () => text, ready: () => ready };
  });
  for (const r of running) await eventually(`tcpdump in ${r.where}`, () => (r.ready() ? true : undefined));
  work();
  await sleep(500);
  for (const r of running) r.child.kill('SIGTERM');
  await Promise.all(running.map((r) => new Promise((resolve) => r.child.once('close', resolve))));
  return Object.fromEntries(running.map((r) => [r.where, parseCapture(r.text())]));
}

const jsonpath = (cluster: Cluster, kind: string, name: string, path: string) =>
  cluster.kubectl('get', kind, name, '-o', `jsonpath={${path}}`);

for (const network of ['native', 'vxlan'] as const) {
  test(`${network}: the addresses at every hop, there and back`, async () => {
    await using cluster = startCluster('--network', network);
    cluster.apply(
      [webManifest({ name: 'nginx', replicas: 1, nodes: ['node-1'] }), shellManifest('tmp-shell', 'node-3')].join(
        '---\n',
      ),
    );
    cluster.kubectl('rollout', 'status', 'deployment/nginx', '--timeout=60s');
    cluster.kubectl('wait', '--for=condition=Ready', 'pod/tmp-shell', '--timeout=60s');
    const vip = jsonpath(cluster, 'service', 'nginx', '.spec.clusterIP');
    const client = jsonpath(cluster, 'pod', 'tmp-shell', '.status.podIP');
    const pod = cluster.kubectl('get', 'pods', '-l', 'app=nginx', '-o', 'jsonpath={.items[0].metadata.name}');
    const server = jsonpath(cluster, 'pod', pod, '.status.podIP');
    const nodeIp = (node: string) =>
      cluster.kubectl('get', 'node', node, '-o', 'jsonpath={.status.addresses[?(@.type=="InternalIP")].address}');
    const [clientNode, serverNode] = [nodeIp('node-3'), nodeIp('node-1')];
    await eventually('the rules', () =>
      cluster.tryExec('tmp-shell', `curl -sS --max-time 1 http://${vip}/`).status === 0 ? true : undefined,
    );

    const port = '43333';
    const seen = await capture(
      {
        client: cluster.podNetns('tmp-shell'),
        clientNode: cluster.netns('node-3'),
        serverNode: cluster.netns('node-1'),
        server: cluster.podNetns(pod),
      },
      () => void cluster.exec('tmp-shell', `curl -sS --max-time 5 --local-port ${port} http://${vip}/`),
    );
    const hop = (where: string, device: RegExp, direction: string, flags: string) =>
      (seen[where] ?? []).find(
        (s) => device.test(s.device) && s.direction === direction && s.flags === flags && s.flow.includes(`.${port}`),
      );
    const check = (where: string, device: RegExp, direction: string, flags: string, flow: string, outer?: string) => {
      const found = hop(where, device, direction, flags);
      assert.ok(found, `${where} ${device} ${direction} [${flags}]: nothing seen in ${JSON.stringify(seen[where])}`);
      assert.equal(found.flow, flow, `${where} ${device} ${direction} [${flags}]`);
      assert.equal(found.outer, outer, `envelope at ${where} ${device} ${direction} [${flags}]`);
    };
    const overlay = network === 'vxlan';
    const there = overlay ? `${clientNode} > ${serverNode}` : undefined;
    const back = overlay ? `${serverNode} > ${clientNode}` : undefined;
    const before = `${client}.${port} > ${vip}.80`;
    const translated = `${client}.${port} > ${server}.80`;
    const reply = `${server}.80 > ${client}.${port}`;
    const undone = `${vip}.80 > ${client}.${port}`;

    // Request: the virtual address until the client's node has translated it, the pod's address from there on.
    check('client', /^eth0$/, 'Out', 'S', before);
    check('clientNode', /^lxc/, 'In', 'S', before);
    check('clientNode', /^eth0$/, 'Out', 'S', translated, there);
    check('serverNode', /^eth0$/, 'In', 'S', translated, there);
    check('serverNode', /^lxc/, 'Out', 'S', translated);
    check('server', /^eth0$/, 'In', 'S', translated);
    // Reply: from the pod's address until it is back on the client's node, then from the virtual address.
    check('server', /^eth0$/, 'Out', 'S.', reply);
    check('serverNode', /^lxc/, 'In', 'S.', reply);
    check('serverNode', /^eth0$/, 'Out', 'S.', reply, back);
    check('clientNode', /^eth0$/, 'In', 'S.', reply, back);
    check('clientNode', /^lxc/, 'Out', 'S.', undone);
    check('client', /^eth0$/, 'In', 'S.', undone);

    const conntrack = must('ip', [
      'netns',
      'exec',
      cluster.netns('node-3'),
      'conntrack',
      '-L',
      '-p',
      'tcp',
      '--orig-port-src',
      port,
    ]);
    assert.match(
      conntrack,
      new RegExp(
        `src=${client} dst=${vip} sport=${port} dport=80 .*src=${server} dst=${client} sport=80 dport=${port}`,
      ),
    );
  });
}
