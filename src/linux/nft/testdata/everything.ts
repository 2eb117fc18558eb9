// Transactions that between them use every statement, selector and object: for the comparison with nft itself.

import type { NftChain, NftFamily, NftRule, NftSet, Statement } from '../contract.ts';
import { NftTransaction } from '../transaction.ts';

function build(family: NftFamily, sets: readonly Omit<NftSet, 'kind' | 'family' | 'table'>[], chains: Readonly<Record<string, readonly Statement[][]>>, bases: Readonly<Record<string, NftChain['base']>> = {}): NftTransaction {
  const tx = new NftTransaction().add({ kind: 'table', family, name: 'portico', comment: 'of portico' });
  for (const set of sets) tx.add({ kind: 'set', family, table: 'portico', ...set });
  for (const name of Object.keys(chains)) {
    const base = bases[name];
    tx.add({ kind: 'chain', family, table: 'portico', name, ...(base && { base }) });
  }
  for (const [name, rules] of Object.entries(chains)) {
    for (const [i, statements] of rules.entries()) {
      const rule: NftRule = { kind: 'rule', family, table: 'portico', chain: name, statements };
      tx.add(i === 0 ? { ...rule, comment: `first of ${name}` } : rule);
    }
  }
  return tx;
}

const V4_SERVICES = ['ip daddr', 'meta l4proto', 'th dport'] as const;
const V6_SERVICES = ['ip6 daddr', 'meta l4proto', 'th dport'] as const;

function proxyLike(family: 'ip' | 'ip6'): NftTransaction {
  const v4 = family === 'ip';
  const daddr = v4 ? 'ip daddr' : 'ip6 daddr';
  const saddr = v4 ? 'ip saddr' : 'ip6 saddr';
  const addr = v4 ? 'ipv4_addr' : 'ipv6_addr';
  const key = v4 ? V4_SERVICES : V6_SERVICES;
  const [podCidr, loopback, one, two] = v4
    ? (['10.244.0.0/16', '127.0.0.0/8', '10.244.0.5', '10.244.1.5'] as const)
    : (['fd00:10:244::/56', '::1', 'fd00:10:244::5', 'fd00:10:244:1::5'] as const);
  const endpoints: NftSet = {
    kind: 'set',
    family,
    table: 'portico',
    name: 'endpoints',
    key: { typeof: [...key, { numgen: 'random', mod: 65536 }] },
    data: { typeof: [daddr, 'th dport'] },
  };
  const { kind: _kind, family: _family, table: _table, ...endpointsSpec } = endpoints;
  const tx = build(
    family,
    [
      { name: 'services', key: { type: [addr, 'inet_proto', 'inet_service'] }, data: 'verdict', comment: 'a note' },
      { name: 'node-ports', key: { typeof: ['meta l4proto', 'th dport'] }, data: 'verdict' },
      endpointsSpec,
      { name: 'cluster-ips', key: { type: [addr] } },
      { name: 'typed', key: { type: [addr] }, data: { type: [addr, 'inet_service'] } },
      { name: 'hairpins', key: { type: [addr, addr, 'inet_proto', 'inet_service'] } },
      { name: 'affinity', key: { type: [addr] }, flags: ['dynamic', 'timeout'], timeoutSeconds: 3600, size: 100 },
      { name: 'ranges', key: { type: [addr] }, flags: ['interval'] },
      { name: 'boxes', key: { type: [addr, 'inet_service'] }, flags: ['interval'] },
      { name: 'links', key: { type: ['ifname'] } },
      { name: 'marks', key: { type: ['mark'] }, data: 'verdict' },
      { name: 'cards', key: { type: ['ether_addr'] } },
    ],
    {
      'reject-chain': [[{ reject: 'default' }], [{ reject: 'tcp reset' }], [{ reject: 'host-unreachable' }], [{ reject: 'admin-prohibited' }]],
      'mark-chain': [
        [{ set: 'meta mark', to: { or: 0x4000 } }],
        [{ set: 'meta mark', to: { xor: 0x4000 } }],
        [{ set: 'meta mark', to: { and: 0xffff } }],
        [{ set: 'meta mark', to: 5 }],
        [{ set: 'meta mark', to: 'ct mark' }],
        [{ set: 'ct mark', to: 'meta mark' }],
        [{ set: 'ct mark', to: 7 }],
        [{ set: 'meta nftrace', to: 1 }],
      ],
      'pick-3': [
        [
          { match: 'meta l4proto', anyOf: ['tcp', 'udp', 'sctp'] },
          { dnat: { map: [...key, { numgen: 'random', mod: 3 }], in: endpoints } },
        ],
      ],
      'service-a': [
        [{ match: saddr, in: 'affinity' }, { goto: 'pick-3' }],
        [{ match: saddr, op: '!=', value: podCidr }, { jump: 'mark-chain' }],
        [{ dynset: 'update', key: saddr, set: 'affinity' }],
        [{ dynset: 'add', key: saddr, set: 'affinity', timeoutSeconds: 60 }],
        [{ vmap: { numgen: 'random', mod: 2 }, entries: [[0, { goto: 'pick-3' }], [1, { goto: 'reject-chain' }]] }],
        [{ vmap: { numgen: 'inc', mod: 2, offset: 1 }, entries: [[1, 'accept'], [2, 'drop']] }],
        [{ vmap: { jhash: [saddr], mod: 2, seed: 7 }, entries: [[0, { goto: 'pick-3' }], [1, 'return']] }],
        [
          { match: 'meta l4proto', value: 'tcp' },
          { dnat: { map: { numgen: 'random', mod: 2 }, entries: [[0, one, 80], [1, two, 8080]] } },
        ],
        [{ match: 'meta l4proto', value: 'tcp' }, { dnat: { address: one, port: 80 } }],
        [{ dnat: { address: two } }],
      ],
      'nat-prerouting': [
        [{ vmap: [...key], in: 'services' }],
        [{ match: { fib: 'type', of: 'daddr' }, value: 'local' }, { match: daddr, op: '!=', value: loopback }, { vmap: ['meta l4proto', 'th dport'], in: 'node-ports' }],
        [{ match: { fib: 'type', of: 'saddr' }, op: '!=', value: 'local' }, 'return'],
        [{ match: 'meta l4proto', value: 'udp' }, { redirect: 5353 }],
      ],
      'nat-postrouting': [
        [{ match: { mask: 'meta mark', and: 0x4000 }, op: '!=', value: 0 }, { set: 'meta mark', to: { xor: 0x4000 } }, { masquerade: { fullyRandom: true } }],
        [{ match: 'ct status', value: 'dnat' }, { match: [saddr, daddr, 'meta l4proto', 'th dport'], in: 'hairpins' }, { masquerade: { fullyRandom: true } }],
        [{ match: 'meta oifname', op: '!=', value: 'lo' }, { masquerade: {} }],
        [{ masquerade: { random: true } }],
        [{ snat: { address: one } }],
        [{ snat: { address: one }, fullyRandom: true }],
      ],
      forward: [
        [{ match: 'ct state', value: 'new' }, { jump: 'mark-chain' }],
        [{ match: 'ct state', value: ['established', 'related'] }, 'accept'],
        [{ match: 'ct state', value: 'invalid' }, 'drop'],
        [{ match: 'ct direction', value: 'reply' }, { counter: true }],
        [{ match: 'ct mark', value: 1 }, 'accept'],
        [{ match: 'meta mark', op: '!=', value: 0x10 }, 'continue'],
        [{ match: { mask: 'ct mark', and: 0xff }, value: 3 }, 'accept'],
        [{ match: daddr, in: 'cluster-ips' }, { reject: 'default' }],
        [{ match: daddr, op: '!=', in: 'ranges' }, 'accept'],
        [{ match: [saddr, 'th dport'], in: 'boxes' }, 'accept'],
        [{ match: daddr, anyOf: v4 ? ['10.0.0.0/8', '10.1.0.0/16', '192.168.0.0/16', '192.169.0.0/16'] : ['fd00::/8', '2001:db8::/32'] }, 'drop'],
        [{ match: saddr, op: '!=', anyOf: [one, two] }, 'drop'],
        [{ match: saddr, value: v4 ? '10.1.2.0/23' : 'fd00::/61' }, 'drop'],
        [{ match: saddr, value: one }, { match: daddr, value: two }, 'accept'],
        [{ match: 'meta iifname', value: 'lxc*' }, 'accept'],
        [{ match: 'meta iifname', value: 'eth0' }, 'accept'],
        [{ match: 'meta iifname', anyOf: ['eth0', 'eth1'] }, 'accept'],
        [{ match: 'meta iif', value: 1 }, 'accept'],
        [{ match: 'meta oif', value: 1 }, 'accept'],
        [{ match: 'tcp dport', value: 80 }, 'accept'],
        [{ match: 'tcp dport', value: { from: 30000, to: 32767 } }, 'accept'],
        [{ match: 'tcp dport', op: '!=', value: { from: 30000, to: 32767 } }, 'accept'],
        [{ match: 'udp sport', anyOf: [53, 5353] }, 'accept'],
        [{ match: 'sctp dport', value: 3868 }, 'accept'],
        [{ match: 'meta l4proto', value: 'tcp' }, { match: 'tcp sport', value: 80 }, { reject: 'tcp reset' }],
        [{ match: 'th sport', value: 9 }, 'drop'],
        [{ vmap: 'meta mark', in: 'marks' }],
        [{ clampMss: true }],
        [{ log: { prefix: 'portico ', group: 3 } }],
        [{ log: {} }],
        [
          { match: v4 ? 'ct original ip saddr' : 'ct original ip6 saddr', value: one },
          { match: 'meta l4proto', value: 'tcp' },
          { match: 'ct original proto-src', value: 43333 },
          { set: 'meta nftrace', to: 1 },
        ],
        [{ match: v4 ? 'ct original ip daddr' : 'ct original ip6 daddr', value: one }, { match: 'meta l4proto', value: 'udp' }, { match: 'ct original proto-dst', value: 53 }, 'accept'],
      ],
      raw: [[{ notrack: true }]],
    },
    {
      'nat-prerouting': { type: 'nat', hook: 'prerouting', priority: -100 },
      'nat-postrouting': { type: 'nat', hook: 'postrouting', priority: 100, policy: 'accept' },
      forward: { type: 'filter', hook: 'forward', priority: -110, policy: 'drop' },
      raw: { type: 'filter', hook: 'prerouting', priority: -300 },
    },
  );
  return tx;
}

function mixed(): NftTransaction {
  return build('inet', [{ name: 'v4', key: { type: ['ipv4_addr'] } }, { name: 'ports', key: { type: ['inet_service'] }, flags: ['interval'] }], {
    input: [
      [{ match: 'ip saddr', value: '10.0.0.1' }, { match: 'ip daddr', value: '10.0.0.2' }, 'accept'],
      [{ match: 'ip6 saddr', value: 'fd00::1' }, { match: 'tcp dport', value: 80 }, 'drop'],
      [{ match: 'ip saddr', in: 'v4' }, 'accept'],
      [{ match: 'ip protocol', value: 'icmp' }, 'accept'],
      [{ match: 'meta nfproto', value: 'ipv4' }, 'accept'],
      [{ match: ['ip saddr', 'ip daddr'], anyOf: [['1.2.3.4', '5.6.7.8']] }, 'accept'],
      [{ match: 'th dport', in: 'ports' }, 'accept'],
      [{ reject: 'default' }],
      [{ reject: 'host-unreachable' }],
      [{ vmap: 'meta l4proto', entries: [['tcp', 'accept'], ['udp', 'drop']] }],
    ],
  }, { input: { type: 'filter', hook: 'input', priority: 0 } });
}

export function everything(): readonly { readonly name: string; readonly transaction: NftTransaction }[] {
  return [
    { name: 'IPv4', transaction: proxyLike('ip') },
    { name: 'IPv6', transaction: proxyLike('ip6') },
    { name: 'inet', transaction: mixed() },
  ];
}
