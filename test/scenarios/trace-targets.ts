// Every form of FROM and TO that `portico trace` takes, and what it says of a name that leads nowhere.
import assert from 'node:assert/strict';

import type { TraceReport } from '../../src/trace/index.ts';
import { eventually, portico, run } from './cluster-fixture.ts';
import type { Cluster } from './cluster-fixture.ts';

/** Services over the pods `app=web`, which answer on 80, echo TCP on 7000 and UDP on 5353. */
export const TARGETS_MANIFEST = `
apiVersion: v1
kind: Service
metadata: { name: many }
spec:
  type: NodePort
  selector: { app: web }
  ports:
    - { name: http, port: 80, nodePort: 30081 }
    - { name: echo, port: 7000, nodePort: 30082 }
    - { name: udp, port: 5353, protocol: UDP, nodePort: 30083 }
---
apiVersion: v1
kind: Service
metadata: { name: headless }
spec: { clusterIP: None, selector: { app: web }, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: headless-empty }
spec: { clusterIP: None, selector: { app: nobody }, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: alias }
spec: { type: ExternalName, externalName: web.default.svc.cluster.local }
---
apiVersion: v1
kind: Service
metadata: { name: outside }
spec: { type: ExternalName, externalName: nowhere.default.svc.cluster.local }
---
apiVersion: v1
kind: Service
metadata: { name: sticky }
spec: { selector: { app: web }, sessionAffinity: ClientIP, ports: [{ port: 80 }] }
`;

interface Traced {
  readonly report: TraceReport | undefined;
  readonly stderr: string;
}

export async function checkTargets(cluster: Cluster): Promise<void> {
  cluster.apply(TARGETS_MANIFEST);
  const trace = (...args: string[]): Traced => {
    const r = run(portico, ['trace', ...cluster.flags, '--json', ...args]);
    return { report: r.stdout === '' ? undefined : (JSON.parse(r.stdout) as TraceReport), stderr: r.stderr };
  };
  const reaches = (target: RegExp, ...args: string[]): TraceReport => {
    const { report, stderr } = trace(...args);
    assert.ok(report !== undefined, `${args.join(' ')}: ${stderr}`);
    assert.equal(report.verdict.code, 'ok', `${args.join(' ')}: ${report.verdict.sentence}`);
    assert.match(report.verdict.sentence, target);
    assert.ok(report.walks[0]?.endpoint !== undefined, `${args.join(' ')}: no endpoint was seen`);
    return report;
  };
  const fails = (reason: RegExp, ...args: string[]): void => {
    const { report, stderr } = trace(...args);
    assert.match(report?.verdict.sentence ?? stderr, reason, args.join(' '));
    assert.notEqual(report?.verdict.ok, true);
  };
  await eventually('the last of the services', () => {
    const { report } = trace('shell', 'sticky');
    return report?.verdict.code === 'ok' && trace('shell', 'outside:80').report !== undefined ? true : undefined;
  });

  // UDP: a port of its own, through the virtual address and through a node port that masquerades.
  const udp = reaches(/default\/many \(10\..*:5353\)/, 'shell', 'many:5353', '--udp');
  assert.equal(udp.walks[0]?.protocol, 'udp');
  const nodePort = reaches(/:30083\)/, 'external', 'node/node-2:30083');
  assert.deepEqual(
    nodePort.walks[0]?.legs
      .flatMap((leg) => leg.hops.flatMap((hop) => hop.changes.map((c) => c.kind)))
      .filter((k) => /nat/.test(k)),
    ['dnat', 'snat', 'un-snat', 'un-dnat'],
  );
  // A pod by its address, and by its name.
  const ip = cluster.kubectl('get', 'pod', '-l', 'app=web', '-o', 'jsonpath={.items[0].status.podIP}');
  const name = cluster.kubectl('get', 'pod', '-l', 'app=web', '-o', 'jsonpath={.items[0].metadata.name}');
  reaches(new RegExp(`reached ${ip}:80; pod default/${name} `), 'shell', ip);
  reaches(new RegExp(`reached ${ip}:7000; pod default/${name} `), 'shell', `pod/${name}:7000`);
  // Forms of a service's name.
  reaches(/Service default\/web /, 'shell', 'svc/web');
  reaches(/Service default\/web /, 'default/shell', 'web.default.svc.cluster.local.:80');
  reaches(/Service default\/headless \(10\.244\..*:80\)/, 'shell', 'headless');
  const alias = reaches(/Service default\/web /, 'shell', 'alias');
  assert.match(alias.notes.join(), /default\/alias is another name for web\.default/);
  // Clients that ask no DNS.
  reaches(/Service default\/web \(10\./, 'node-1', 'web');
  reaches(/Service default\/headless /, 'node/node-1', 'headless');
  const published = reaches(/Service default\/web \(172\.30\.0\.1\d:30080\)/, 'external', 'web');
  assert.match(published.notes.join(), /node port 30080 of node-\d is taken/);
  reaches(/Service default\/many \(172\.30\.0\.12:30082\)/, 'shell', '172.30.0.12:30082');
  // The probability of the choice, from the rules; the second connection is kept by affinity.
  const [choice] = reaches(/chosen with probability 0\.5/, 'shell', 'web').walks;
  assert.ok(Math.abs((choice?.endpoint?.probability ?? 0) - 0.5) < 1e-6 && choice?.endpoint?.chosenBy === 'random');
  reaches(/kept from an earlier connection \(session affinity\)/, 'shell', 'sticky');

  fails(/several ports that fit \(http 80\/TCP, echo 7000\/TCP, udp 5353\/UDP\): say which one/, 'shell', 'many');
  fails(/has no UDP port; it has 80\/TCP/, 'shell', 'web', '--udp');
  fails(/there is no namespace nons, so there is no Service web in it \(asked: .*NXDOMAIN/, 'shell', 'web.nons');
  fails(/there is no Service default\/nowhere, so its name does not exist/, 'shell', 'nowhere');
  fails(/default\/headless-empty exists, but it is headless and has no endpoint/, 'shell', 'headless-empty');
  fails(
    /default\/outside exists, but it is another name for nowhere\.default.*, which does not resolve/,
    'shell',
    'outside',
  );
  fails(/default\/empty has no ready endpoint: refused on node-1 by /, 'node/node-1', 'empty');
  fails(/no address outside the cluster|has no route to 10\./, 'external', 'deaf');
  fails(/there is no namespace nons, so there is no pod x in it/, 'nons/x', 'web');
  fails(/there is no pod default\/nobody, and no node of that name/, 'nobody', 'web');
  fails(/there is no node node-9/, 'node/node-9', 'web');
  fails(/Service default\/web has no port 81; it has 80\/TCP/, 'shell', 'web:81');
  fails(/"web:http": a port is a number from 1 to 65535/, 'shell', 'web:http');
  fails(/give FROM and TO, as in /, 'shell');
  fails(/choose --udp or --tcp/, 'shell', 'web', '--udp', '--tcp');
  fails(/--count 0: give a whole number of 1 or more/, 'shell', 'web', '--count', '0');
  fails(/--timeout 0: give a whole number of 1 or more/, 'shell', 'web', '--timeout', '0');
  fails(/--pcap \/none\/x: cannot be written: ENOENT/, 'shell', 'web', '--pcap', '/none/x');
  fails(/alias is another name for .* which only DNS resolves/, 'node/node-1', 'alias');
}
