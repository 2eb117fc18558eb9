import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFindings } from './doctor-finding.ts';
import type { Finding } from './doctor-finding.ts';
import { checkClocks, checkHost } from './doctor-host-checks.ts';
import type { HostFacts } from './doctor-host-checks.ts';
import { checkNode } from './doctor-node-checks.ts';
import type { NodeFacts } from './doctor-node-checks.ts';
import { checkPeers } from './peer-conditions.ts';

const node = (more: Partial<NodeFacts> = {}): NodeFacts => ({
  name: 'node-1',
  uplink: 'eth0',
  wireMtu: 1500,
  sysctls: {
    'net.ipv4.ip_forward': '1',
    'net.ipv6.conf.all.forwarding': '0',
    'net.ipv4.conf.all.rp_filter': '0',
    'net.ipv4.conf.eth0.rp_filter': '2',
    'net.ipv4.conf.all.send_redirects': '0',
  },
  links: [
    { name: 'eth0', mtu: 1500, up: true },
    { name: 'lxc0123456789a', mtu: 1500, up: true, kind: 'veth' },
  ],
  strictLinks: [],
  ipv6: false,
  legacyTables: [],
  iptablesNft: true,
  foreignChains: [{ name: 'ip filter FORWARD', hook: 'forward', policyDrops: false, refuses: false }],
  conntrack: { insertFailed: 0, drop: 0, earlyDrop: 0, clashResolved: 12 },
  checksumErrors: 0,
  kernel: '6.1.0-18-amd64',
  ...more,
});

const host = (more: Partial<HostFacts> = {}): HostFacts => ({
  programs: { nft: true, 'iptables-restore': true, setpriv: true },
  conntrackCount: 10,
  conntrackMax: 100,
  fabricBridgeNetfilter: false,
  leftovers: [],
  ...more,
});

const wrong = (findings: readonly Finding[]) =>
  findings.filter((f) => f.level !== 'ok').map((f) => `${f.level} ${f.check}`);
const overlay = (mtu: number) => ({ name: 'portico.vxlan', mtu, up: true, kind: 'vxlan' });

test('a sound node and host have nothing to mend', () => {
  assert.deepEqual(wrong(checkNode(node())), []);
  assert.deepEqual(wrong(checkHost(host())), []);
});

test('checkNode() finds each trap and says how to mend it', () => {
  const conntrack = node().conntrack;
  const sysctl = (key: string, value: string) => ({ sysctls: { ...node().sysctls, [key]: value } });
  const cases: [Partial<NodeFacts>, string[]][] = [
    [sysctl('net.ipv4.ip_forward', '0'), ['fail net.ipv4.ip_forward']],
    [sysctl('net.ipv4.conf.eth0.rp_filter', '1'), ['fail net.ipv4.conf.eth0.rp_filter']],
    [sysctl('net.ipv4.conf.all.send_redirects', '1'), ['warn net.ipv4.conf.all.send_redirects']],
    [{ ipv6: true }, ['fail net.ipv6.conf.all.forwarding']],
    [{ strictLinks: ['portico.vxlan'] }, ['fail rp_filter of the overlay']],
    [{ links: [{ name: 'eth0', mtu: 1500, up: true }, overlay(1500)] }, ['fail mtu']],
    [{ links: [...node().links, overlay(1450)] }, ['warn mtu']],
    [{ links: [] }, ['fail uplink']],
    [{ wireMtu: 9000 }, ['fail mtu']],
    [{ checksumErrors: 3 }, ['warn checksum offload']],
    [{ kernel: '5.4.0-1', links: [{ name: 'eth0', mtu: 1500, up: true }, overlay(1450)] }, ['warn checksum offload']],
    [{ conntrack: { ...conntrack, insertFailed: 1 } }, ['warn connection tracking counters']],
    [{ conntrack: { ...conntrack, earlyDrop: 1 } }, ['warn connection tracking counters']],
    [{ legacyTables: ['nat'] }, ['warn iptables back ends']],
    [
      { foreignChains: [{ name: 'ip filter FORWARD', hook: 'forward', policyDrops: true, refuses: false }] },
      ['warn other firewalls'],
    ],
    [
      { foreignChains: [{ name: 'inet fence in', hook: 'input', policyDrops: false, refuses: true }] },
      ['warn other firewalls'],
    ],
  ];
  for (const [change, expected] of cases) {
    const findings = checkNode(node(change));
    assert.deepEqual(wrong(findings), expected, JSON.stringify(change));
    for (const finding of findings) assert.ok(finding.level === 'ok' || finding.mend !== undefined);
  }
});

test('checkNode() offers only what is safe to put right', () => {
  const fixes = (more: Partial<NodeFacts>) => checkNode(node(more)).flatMap((finding) => finding.fixes ?? []);
  assert.deepEqual(fixes({ sysctls: { 'net.ipv4.ip_forward': '0' } }), [
    { kind: 'sysctl', sysctl: 'net.ipv4.ip_forward', value: '1' },
  ]);
  assert.deepEqual(fixes({ strictLinks: ['portico.vxlan'] }), [
    { kind: 'sysctl', sysctl: 'net.ipv4.conf.portico/vxlan.rp_filter', value: '2' },
  ]);
  // The wire first: by it the overlay may be right.
  const links = [{ name: 'eth0', mtu: 1400, up: true }, overlay(1450)];
  assert.deepEqual(fixes({ links }), [{ kind: 'mtu', device: 'eth0', mtu: 1500 }]);
  assert.deepEqual(fixes({ links, wireMtu: 1400 }), [{ kind: 'mtu', device: 'portico.vxlan', mtu: 1350 }]);
  assert.deepEqual(fixes({ legacyTables: ['nat'], checksumErrors: 1 }), []);
});

test('checkHost() finds each trap', () => {
  assert.deepEqual(wrong(checkHost(host({ programs: { setpriv: false } }))), ['fail programs']);
  assert.deepEqual(wrong(checkHost(host({ conntrackCount: 90 }))), ['warn connection tracking']);
  assert.deepEqual(wrong(checkHost(host({ conntrackCount: 100 }))), ['fail connection tracking']);
  assert.deepEqual(wrong(checkHost(host({ fabricBridgeNetfilter: true }))), ['warn bridge netfilter']);
  assert.deepEqual(wrong(checkHost(host({ start: { problem: 'the kernel cannot make veth pairs' } }))), [
    'fail kernel',
  ]);
  const leftovers = [{ what: 'namespaces of cluster old', mend: 'portico down --name old' }];
  assert.deepEqual(wrong(checkHost(host({ leftovers }))), ['warn leftovers']);
  assert.match(
    formatFindings(checkHost(host({ programs: { nft: false } }))),
    /fail host: programs: nft is missing\n {5}to mend: apt-get install nftables/,
  );
});

test('checkClocks() compares this machine and each node with the API server', () => {
  const lease = (ageMs: number) => ({ node: 'node-1', ageMs, durationMs: 40_000 });
  assert.deepEqual(wrong(checkClocks({ apiAheadMs: 600, leases: [lease(9000), lease(-900)] })), []);
  assert.match(checkClocks({ apiAheadMs: -9000, leases: [] })[0]?.what ?? '', /9\.0 s behind this machine's/);
  const [, ahead, away] = checkClocks({ apiAheadMs: 0, leases: [lease(-30_000), lease(90_000)] });
  assert.match(ahead?.what ?? '', /30\.0 s ahead of the API server's/);
  assert.match(away?.what ?? '', /last renewed 90\.0 s ago: the agent is away, or its clock is behind/);
});

test('what a node says of the way to others is told; a node that cannot ask says nothing', () => {
  const says = (name: string, type: string, status: string, message: string) => ({
    metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '' },
    status: { conditions: [{ type, status, message }] },
  });
  const findings = checkPeers([
    says('node-1', 'PeersUnreachable', 'True', 'no packet comes back from node node-2 through VXLAN'),
    says('node-2', 'PeersUnreachable', 'False', 'all is well'),
    says('node-3', 'Ready', 'True', ''),
    says('node-4', 'PeersUnreachable', 'Unknown', ''),
  ]);
  assert.deepEqual(
    findings.map((f) => [f.level, f.where, f.what]),
    [
      ['fail', 'node-1', 'no packet comes back from node node-2 through VXLAN'],
      ['ok', 'node-2', 'all is well'],
    ],
  );
});
