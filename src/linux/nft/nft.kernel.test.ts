// Both ways to nftables against one contract; what netlink writes against what nft itself writes; events; size.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, describe, it } from 'node:test';
import { createNetns, deleteNetns } from '../netns/netns.ts';
import { MessageWriter, NLM_F_DUMP, NLM_F_REQUEST, parseAttributes } from '../netlink/message.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/socket.ts';
import { isErrno } from '../sys/kernel-error.ts';
import type { NftElement, NftEvent, NftSet } from './contract.ts';
import { chain, endpoints, nftContract, rule, services, table } from './contract.suite.ts';
import { everything } from './testdata/everything.ts';
import { NetlinkNft, monitorNft } from './netlink-nft.ts';
import { openNft } from './open-nft.ts';
import { NftTransaction } from './transaction.ts';

const spaces = ['a', 'b', 'c'].map((x) => `test-${process.pid}-nft-${x}`);
const [byNetlink = '', byCli = '', spare = ''] = spaces;
for (const space of spaces) createNetns(space);
after(() => {
  for (const space of spaces) deleteNetns(space);
});

nftContract('netlink', () => openNft({ netns: byNetlink }));
nftContract('cli', () => openNft({ netns: byCli, apply: 'cli' }));

function nft(netns: string, args: string[], input?: string): string {
  return execFileSync('ip', ['netns', 'exec', netns, 'nft', ...args], { encoding: 'utf8', ...(input && { input }) });
}

/** Everything the kernel holds of one kind, without the numbers that it hands out itself. */
function dump(netns: string, type: number, volatile: readonly number[]): string[] {
  const socket = new NetlinkSocket(NETLINK_NETFILTER, { netns });
  const build = (sequence: number) => {
    const w = new MessageWriter();
    const start = w.begin(0x0a00 | type, NLM_F_REQUEST | NLM_F_DUMP, sequence);
    w.u32(0);
    w.end(start);
    return w;
  };
  const values = socket.query(
    build,
    (message) => {
      const attributes = parseAttributes(message.payload.subarray(4));
      for (const key of volatile) attributes.delete(key);
      return [...attributes]
        .map(([key, value]) => `${key}=${value.toString('hex')}`)
        .sort()
        .join(' ');
    },
    'dump',
  );
  socket.close();
  return values;
}

/** Shows only the first difference: whole dumps are unreadable. */
function sameLines(ours: readonly string[], theirs: readonly string[]): void {
  const at = ours.findIndex((line, i) => line !== theirs[i]);
  if (at >= 0) assert.equal(ours[at], theirs[at], `entry ${at}`);
  assert.equal(ours.length, theirs.length);
}

describe('netlink writes what nft writes', () => {
  for (const { name, transaction } of everything()) {
    it(`${name}: the same listing`, async () => {
      for (const space of [byNetlink, byCli]) nft(space, ['flush', 'ruleset']);
      await openNft({ netns: byNetlink }).run(transaction);
      await openNft({ netns: byCli, apply: 'cli' }).run(transaction);
      const listing = nft(byNetlink, ['-s', 'list', 'ruleset']);
      assert.equal(listing, nft(byCli, ['-s', 'list', 'ruleset']));
      // What is listed can be loaded again and then lists the same.
      nft(spare, ['flush', 'ruleset']);
      nft(spare, ['-f', '-'], listing);
      assert.equal(nft(spare, ['-s', 'list', 'ruleset']), listing);
    });

    it(`${name}: the same expressions and the same notes for nft`, async () => {
      // Handles (rule 3, 6; set 16), and what the kernel adds of its own (set 19: address of the implementation).
      const rules = [byNetlink, byCli].map((space) => dump(space, 7, [3, 6]));
      sameLines(rules[0] ?? [], rules[1] ?? []);
      const named = [byNetlink, byCli].map((space) =>
        dump(space, 10, [16, 19]).filter((line) => !line.includes('2=5f5f')),
      );
      sameLines(named[0] ?? [], named[1] ?? []);
    });
  }
});

describe('monitorNft', () => {
  it('tells who changed what', async () => {
    const events: NftEvent[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const keepAlive = setTimeout(() => resolve(), 5000);
    nft(spare, ['flush', 'ruleset']);
    const monitor = monitorNft(spare, (event) => {
      events.push(event);
      if (event.kind === 'generation' && event.processId !== process.pid) resolve();
    });
    const own = new NetlinkNft(spare);
    const before = own.generation();
    own.runSync(new NftTransaction().add(table).add(chain('x')).add(services));
    assert.equal(own.generation(), before + 1);
    nft(spare, ['delete', 'table', 'ip', 'portico']);
    await promise;
    clearTimeout(keepAlive);
    monitor.close();
    own.close();
    const seen = events.map((e) => ('table' in e ? `${e.action} ${e.kind} ${e.table} ${e.name ?? ''}` : `${e.kind}`));
    assert.deepEqual(seen.slice(0, 4), [
      'add table portico ',
      'add chain portico x',
      'add set portico services',
      'generation',
    ]);
    assert.ok(seen.includes('delete table portico '));
    const generations = events.filter((e) => e.kind === 'generation');
    assert.equal(generations[0]?.processId, process.pid);
    assert.equal(generations[1]?.processName, 'nft');
  });
});

describe('large transactions', () => {
  const many = (count: number): NftElement[] =>
    Array.from({ length: count }, (_, i) => ({
      key: [`10.${96 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`, 'tcp', 80, 0],
      data: [`10.244.${(i >> 8) & 255}.${i & 255}`, 8080],
    }));

  it('are one batch, and all elements arrive', async () => {
    const own = new NetlinkNft(spare);
    own.runSync(new NftTransaction().destroy(table).add(table).add(endpoints));
    own.runSync(new NftTransaction().addElements(endpoints, many(120_000)));
    assert.equal((await own.elements(endpoints)).length, 120_000);
    const twice = new NftTransaction().addElements(
      endpoints,
      many(3).map((e) => ({ key: e.key, data: ['10.0.0.1', 1] })),
    );
    assert.throws(
      () => own.runSync(twice),
      (error) => isErrno(error, 'EEXIST'),
    );
    own.runSync(new NftTransaction().deleteElements(endpoints, many(120_000)));
    assert.deepEqual(await own.elements(endpoints), []);
    own.close();
  });

  it('fail as one, wherever the bad element is', async () => {
    const own = new NetlinkNft(spare);
    const set: NftSet = services;
    own.runSync(new NftTransaction().destroy(table).add(table).add(chain('pick-1')).add(set));
    const elements = many(20_000).map((e, i): NftElement => ({
      key: (e.key as string[]).slice(0, 3),
      data: { goto: i === 15_000 ? 'no-such-chain' : 'pick-1' },
    }));
    assert.throws(
      () => own.runSync(new NftTransaction().addElements(set, elements)),
      /nft add 20000 elements to ip portico services.*ENOENT/,
    );
    assert.deepEqual(await own.elements(set), []);
    own.close();
  });

  it('refuse values that are none before anything is sent', () => {
    const own = new NetlinkNft(spare);
    const bad = (key: (string | number)[], data: NftElement['data']) => () =>
      own.runSync(new NftTransaction().addElements(services, [{ key, ...(data === undefined ? {} : { data }) }]));
    assert.throws(bad(['10.96.0.1', 'tcp', 70000], 'drop'), /70000 is not a port/);
    assert.throws(bad(['10.96.0.256', 'tcp', 80], 'drop'), /10\.96\.0\.256 is not an IPv4 address/);
    assert.throws(bad(['10.96.0.1', 'xyz', 80], 'drop'), /xyz is not an IP protocol/);
    assert.throws(bad(['10.96.0.1', 'tcp'], 'drop'), /has 3 fields, but 2 were given/);
    assert.throws(bad(['10.96.0.1', 'tcp', 80], undefined), /needs data/);
    assert.throws(bad(['10.96.0.1', 'tcp', 80], 'gone x'), /"gone x" is not a verdict/);
    assert.throws(
      () => own.runSync(new NftTransaction().add(rule('x', [{ match: ['ip saddr', 'ip daddr'], value: '1.2.3.4' }]))),
      /only one selector/,
    );
    own.close();
  });
});
