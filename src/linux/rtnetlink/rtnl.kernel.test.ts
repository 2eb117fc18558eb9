// rtnetlink against the kernel, read back both by our own dumps and by iproute2.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, describe, it } from 'node:test';
import type { RtnlEvent } from '../index.ts';
import { createNetns, deleteNetns, isErrno, KernelError, openRtnl } from '../index.ts';

const a = `rtnl-a-${process.pid}`;
const b = `rtnl-b-${process.pid}`;
createNetns(a);
createNetns(b);
const rtnl = openRtnl(a);
const other = openRtnl(b);
after(() => {
  rtnl.close();
  other.close();
  deleteNetns(a);
  deleteNetns(b);
});

function ip(netns: string, ...args: string[]): Record<string, unknown>[] {
  return JSON.parse(execFileSync('ip', ['-n', netns, '-j', '-d', ...args], { encoding: 'utf8' })) as Record<
    string,
    unknown
  >[];
}

describe('links', () => {
  it('makes a veth pair with its peer in another namespace', () => {
    rtnl.addLink({
      kind: 'veth',
      name: 'lxc0123456789a',
      mac: 'ee:ee:ee:ee:ee:ee',
      mtu: 1450,
      up: true,
      alias: 'default/web-0',
      peer: { name: 'eth0', netns: b, mac: '0e:00:0a:f4:01:02', mtu: 1440, up: true },
    });
    const host = rtnl.link('lxc0123456789a');
    const pod = other.link('eth0');
    assert.equal(host?.kind, 'veth');
    assert.equal(host?.mac, 'ee:ee:ee:ee:ee:ee');
    assert.equal(host?.mtu, 1450);
    assert.equal(host?.up, true);
    assert.equal(host?.alias, 'default/web-0');
    assert.equal(host?.lower, pod?.index);
    assert.equal(host?.lowerNetns, rtnl.netnsNumber(b));
    assert.notEqual(host?.lowerNetns, undefined);
    assert.equal(pod?.lowerNetns, other.netnsNumber(a));
    assert.equal(pod?.mac, '0e:00:0a:f4:01:02');
    assert.equal(pod?.mtu, 1440);
    assert.equal(pod?.up, true);
    assert.equal(ip(b, 'link', 'show', 'eth0')[0]?.['address'], '0e:00:0a:f4:01:02');
  });

  it('makes bridges and vxlan devices, and joins and leaves a bridge', () => {
    rtnl.addLink({ kind: 'bridge', name: 'br0', up: true });
    rtnl.addLink({ kind: 'veth', name: 'dm0', mtu: 1500, up: true, master: 'br0', peer: { name: 'dm9', up: true } });
    const bridge = rtnl.link('br0');
    assert.equal(rtnl.link('dm0')?.master, bridge?.index);
    rtnl.setLink('dm0', { up: false });
    rtnl.setLink('dm0', { master: null, name: 'dm1', mtu: 1400, up: true });
    assert.equal(rtnl.link('dm0'), undefined);
    assert.equal(rtnl.link('dm1')?.master, undefined);
    assert.equal(rtnl.link('dm1')?.mtu, 1400);
    rtnl.addAddress('dm1', '192.168.50.11/24');
    rtnl.addLink({
      kind: 'vxlan',
      name: 'portico.vxlan',
      vni: 1,
      port: 4789,
      local: '192.168.50.11',
      device: 'dm1',
      mac: '0e:00:0a:f4:01:00',
      up: true,
    });
    const vxlan = rtnl.link('portico.vxlan');
    assert.deepEqual(vxlan?.vxlan, {
      vni: 1,
      port: 4789,
      local: '192.168.50.11',
      device: rtnl.link('dm1')?.index,
      learning: false,
    });
    assert.equal(vxlan?.mtu, 1350);
    const info = ip(a, 'link', 'show', 'portico.vxlan')[0]?.['linkinfo'] as { info_data: Record<string, unknown> };
    assert.equal(info.info_data['id'], 1);
    assert.equal(info.info_data['learning'], false);
    assert.equal(info.info_data['udp_csum'], true);
  });

  it('moves a link into another namespace', () => {
    rtnl.addLink({ kind: 'veth', name: 'mv0', peer: { name: 'mv1' } });
    rtnl.setLink('mv0', { netns: b });
    assert.equal(rtnl.link('mv0'), undefined);
    assert.equal(other.link('mv0')?.kind, 'veth');
    assert.equal(other.deleteLink('mv0'), true);
    assert.equal(other.deleteLink('mv0'), false);
  });

  it('says what was refused and why', () => {
    const twice = () => rtnl.addLink({ kind: 'bridge', name: 'br0' });
    assert.throws(
      twice,
      (error) => error instanceof KernelError && isErrno(error, 'EEXIST') && error.what.includes('br0'),
    );
    assert.throws(() => rtnl.setLink('nope', { up: true }), /no device nope in rtnl-a-\d+: ENODEV/);
    assert.throws(
      () => rtnl.addLink({ kind: 'veth', name: 'x0', peer: { name: 'x1', netns: 'no-such-netns' } }),
      (error) => isErrno(error, 'ENOENT'),
    );
    assert.equal(rtnl.link(99999), undefined);
  });

  it('lists every link that iproute2 lists', () => {
    const theirs = ip(a, 'link').map((link) => [link['ifindex'], link['ifname'], link['mtu']]);
    assert.deepEqual(
      rtnl.links().map((link) => [link.index, link.name, link.mtu]),
      theirs,
    );
  });
});

describe('addresses', () => {
  it('adds twice without error, lists and deletes', () => {
    rtnl.addAddress('br0', '10.1.0.1/24');
    rtnl.addAddress('br0', '10.1.0.1/24');
    rtnl.addAddress('br0', 'fd00:1::1/64', { noDad: true });
    const mine = rtnl.addresses({ device: 'br0' }).filter((x) => x.scope === 'global');
    assert.deepEqual(
      mine.map((x) => [x.address, x.family, x.tentative]),
      [
        ['10.1.0.1/24', 4, false],
        ['fd00:1::1/64', 6, false],
      ],
    );
    assert.deepEqual(
      rtnl.addresses({ device: 'br0', family: 6 }).map((x) => x.family),
      rtnl.addresses({ device: 'br0', family: 6 }).map(() => 6),
    );
    assert.equal(rtnl.deleteAddress('br0', 'fd00:1::1/64'), true);
    assert.equal(rtnl.deleteAddress('br0', 'fd00:1::1/64'), false);
  });
});

describe('routes', () => {
  const main = (protocol: number) => rtnl.routes({ protocol });

  it('writes pod, node, overlay and unreachable routes as iproute2 would', () => {
    rtnl.setLink('lxc0123456789a', { up: true });
    rtnl.addRoute({ destination: '10.244.1.2', device: 'lxc0123456789a', protocol: 99 });
    rtnl.addRoute({ destination: '10.244.2.0/24', via: '10.1.0.2', mtu: 1400, protocol: 99 });
    rtnl.addRoute({
      destination: '10.244.3.0/24',
      via: '10.244.3.0',
      device: 'portico.vxlan',
      onlink: true,
      source: '10.1.0.1',
      protocol: 99,
    });
    rtnl.addRoute({ destination: '10.244.1.0/24', type: 'unreachable', protocol: 99 });
    rtnl.addRoute({ destination: 'default', via: '10.1.0.254', metric: 7, protocol: 99 });
    rtnl.addRoute({ destination: 'fd00:10:244:1::2', device: 'br0', protocol: 99 });
    rtnl.addRoute({ destination: 'fd00:10:244::/56', type: 'unreachable', protocol: 99 });
    const theirs = [...ip(a, 'route', 'show', 'proto', '99'), ...ip(a, '-6', 'route', 'show', 'proto', '99')];
    const shape = (r: Record<string, unknown>) =>
      [r['type'], r['dst'], r['gateway'], r['dev'], r['scope'], r['metric'], r['prefsrc']].join(' ');
    assert.deepEqual(theirs.map(shape).toSorted(), [
      'unicast 10.244.1.2  lxc0123456789a link  ',
      'unicast 10.244.2.0/24 10.1.0.2 br0 global  ',
      'unicast 10.244.3.0/24 10.244.3.0 portico.vxlan global  10.1.0.1',
      'unicast default 10.1.0.254 br0 global 7 ',
      'unicast fd00:10:244:1::2  br0 global 1024 ',
      'unreachable 10.244.1.0/24   global  ',
      'unreachable fd00:10:244::/56  lo global 1024 ',
    ]);
    const overlay = main(99).find((r) => r.destination === '10.244.3.0/24');
    assert.equal(overlay?.onlink, true);
    assert.equal(overlay?.via, '10.244.3.0');
    assert.equal(overlay?.source, '10.1.0.1');
    assert.equal(main(99).find((r) => r.destination === '10.244.2.0/24')?.mtu, 1400);
    assert.equal(main(99).length, 7);
  });

  it('finds the route of one address', () => {
    assert.equal(rtnl.routeTo('10.244.2.9')?.via, '10.1.0.2');
    assert.equal(rtnl.routeTo('10.244.1.9'), undefined);
  });

  it('refuses a second, replaces, and deletes by what is said', () => {
    const route = { destination: '10.9.0.0/16', device: 'br0', protocol: 98 };
    rtnl.addRoute(route);
    assert.throws(() => rtnl.addRoute(route), /add route 10\.9\.0\.0\/16 dev br0 in rtnl-a-\d+: EEXIST/);
    rtnl.replaceRoute({ ...route, via: '10.1.0.9' });
    assert.deepEqual(
      main(98).map((r) => r.via),
      ['10.1.0.9'],
    );
    assert.equal(rtnl.deleteRoute({ destination: '10.9.0.0/16', protocol: 97 }), false);
    assert.equal(rtnl.deleteRoute({ destination: '10.9.0.0/16' }), true);
    assert.equal(rtnl.deleteRoute({ destination: '10.9.0.0/16' }), false);
    assert.equal(rtnl.deleteRoute({ destination: '10.244.1.0/24', type: 'unreachable' }), true);
    assert.throws(() => rtnl.addRoute({ destination: '10.8.0.0/16', via: '203.0.113.1' }), /ENETUNREACH/);
  });
});

describe('neighbours and forwarding entries', () => {
  it('writes permanent neighbours of both families', () => {
    rtnl.replaceNeighbor({ device: 'br0', address: '10.1.0.2', mac: '0e:00:00:00:00:02' });
    rtnl.replaceNeighbor({ device: 'br0', address: '10.1.0.2', mac: '0e:00:00:00:00:03' });
    rtnl.replaceNeighbor({ device: 'br0', address: 'fd00:1::2', mac: '0e:00:00:00:00:04' });
    const mine = rtnl.neighbors({ device: 'br0' }).filter((n) => n.state === 'permanent');
    assert.deepEqual(
      mine.map((n) => [n.address, n.mac]),
      [
        ['10.1.0.2', '0e:00:00:00:00:03'],
        ['fd00:1::2', '0e:00:00:00:00:04'],
      ],
    );
    assert.equal(rtnl.deleteNeighbor({ device: 'br0', address: '10.1.0.2' }), true);
    assert.equal(rtnl.deleteNeighbor({ device: 'br0', address: '10.1.0.99' }), false);
  });

  it('writes forwarding entries of the tunnel', () => {
    const entry = { device: 'portico.vxlan', mac: '0e:00:0a:f4:02:00', destination: '192.168.50.12' };
    rtnl.replaceFdb(entry);
    rtnl.replaceFdb({ ...entry, destination: '192.168.50.13' });
    const index = rtnl.link('portico.vxlan')?.index;
    assert.deepEqual(rtnl.fdb({ device: 'portico.vxlan' }), [
      { device: index, mac: entry.mac, destination: '192.168.50.13', permanent: true },
    ]);
    const text = execFileSync('bridge', ['-n', a, 'fdb', 'show', 'dev', 'portico.vxlan'], { encoding: 'utf8' });
    assert.match(text, /0e:00:0a:f4:02:00 dst 192\.168\.50\.13 self permanent/);
    assert.equal(rtnl.deleteFdb({ ...entry, destination: '192.168.50.13' }), true);
    assert.equal(rtnl.deleteFdb({ ...entry, destination: '192.168.50.13' }), false);
  });
});

describe('monitor', () => {
  it('reports what happens to links, addresses and routes', async () => {
    const events: RtnlEvent[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const monitor = rtnl.monitor(['link', 'address', 'route'], (event) => {
      events.push(event);
      if (event.kind === 'link' && event.action === 'delete') resolve();
    });
    const keepAlive = setTimeout(() => resolve(), 5000);
    rtnl.addLink({ kind: 'bridge', name: 'ev0', up: true });
    rtnl.addAddress('ev0', '10.77.0.1/24');
    rtnl.addRoute({ destination: '10.78.0.0/24', via: '10.77.0.2' });
    rtnl.deleteLink('ev0');
    await promise;
    clearTimeout(keepAlive);
    monitor.close();
    const seen = events.map((e) => {
      if (e.kind === 'link') return `${e.action} link ${e.link.name}`;
      if (e.kind === 'address') return `${e.action} address ${e.address.address}`;
      return e.kind === 'route' ? `${e.action} route ${e.route.destination}` : e.kind;
    });
    for (const expected of ['set link ev0', 'set address 10.77.0.1/24', 'set route 10.78.0.0/24', 'delete link ev0']) {
      assert.ok(seen.includes(expected), `${expected} in ${seen.join(', ')}`);
    }
  });
});
