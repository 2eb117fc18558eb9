import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkHost, checkNode, formatFindings } from './doctor-checks.ts';
import type { HostFacts, NodeFacts } from './doctor-checks.ts';

const node = (more: Partial<NodeFacts> = {}): NodeFacts => ({
  name: 'node-1',
  uplink: 'eth0',
  sysctls: {
    'net.ipv4.ip_forward': '1',
    'net.ipv4.conf.all.rp_filter': '0',
    'net.ipv4.conf.eth0.rp_filter': '2',
    'net.ipv4.conf.all.send_redirects': '0',
  },
  links: [
    { name: 'eth0', mtu: 1500, up: true },
    { name: 'lxc0123456789a', mtu: 1500, up: true, kind: 'veth' },
  ],
  legacyTables: [],
  iptablesNft: true,
  foreignFirewalls: [],
  ...more,
});

const host = (more: Partial<HostFacts> = {}): HostFacts => ({
  programs: { nft: true, 'iptables-save': true, setpriv: true },
  conntrackCount: 10,
  conntrackMax: 100,
  fabricBridgeNetfilter: false,
  clockSkewMs: 3,
  leftovers: [],
  ...more,
});

const wrong = (findings: ReturnType<typeof checkNode>) =>
  findings.filter((f) => f.level !== 'ok').map((f) => `${f.level} ${f.check}`);

test('a sound node and host have nothing to mend', () => {
  assert.deepEqual(wrong(checkNode(node())), []);
  assert.deepEqual(wrong(checkHost(host())), []);
});

test('checkNode() finds each trap and says how to mend it', () => {
  const cases: [Partial<NodeFacts>, string[]][] = [
    [{ sysctls: { ...node().sysctls, 'net.ipv4.ip_forward': '0' } }, ['fail net.ipv4.ip_forward']],
    [{ sysctls: { ...node().sysctls, 'net.ipv4.conf.eth0.rp_filter': '1' } }, ['fail net.ipv4.conf.eth0.rp_filter']],
    [
      { sysctls: { ...node().sysctls, 'net.ipv4.conf.all.send_redirects': '1' } },
      ['warn net.ipv4.conf.all.send_redirects'],
    ],
    [
      {
        links: [
          { name: 'eth0', mtu: 1500, up: true },
          { name: 'portico.vxlan', mtu: 1500, up: true, kind: 'vxlan' },
        ],
      },
      ['fail mtu'],
    ],
    [{ links: [...node().links, { name: 'portico.vxlan', mtu: 1450, up: true, kind: 'vxlan' }] }, ['warn mtu']],
    [{ links: [] }, ['fail uplink']],
    [{ legacyTables: ['nat'] }, ['warn iptables back ends']],
    [{ foreignFirewalls: ['inet firewalld'] }, ['warn other firewalls']],
  ];
  for (const [change, expected] of cases) {
    const findings = checkNode(node(change));
    assert.deepEqual(wrong(findings), expected);
    for (const finding of findings) assert.ok(finding.level === 'ok' || finding.mend !== undefined);
  }
  const forward = checkNode(node({ sysctls: { 'net.ipv4.ip_forward': '0' } }))[0];
  assert.deepEqual(forward?.fix, { sysctl: 'net.ipv4.ip_forward', value: '1' });
});

test('checkHost() finds each trap', () => {
  assert.deepEqual(wrong(checkHost(host({ programs: { setpriv: false } }))), ['fail programs']);
  assert.deepEqual(wrong(checkHost(host({ conntrackCount: 90 }))), ['warn connection tracking']);
  assert.deepEqual(wrong(checkHost(host({ conntrackCount: 100 }))), ['fail connection tracking']);
  assert.deepEqual(wrong(checkHost(host({ fabricBridgeNetfilter: true }))), ['warn bridge netfilter']);
  assert.deepEqual(wrong(checkHost(host({ leftovers: ['old-node-1'] }))), ['warn leftovers']);
  assert.deepEqual(wrong(checkHost(host({ clockSkewMs: -9000 }))), ['warn clock']);
  assert.match(
    formatFindings(checkHost(host({ programs: { nft: false } }))),
    /fail host: programs: nft is missing\n {5}to mend: apt-get install nftables/,
  );
});
