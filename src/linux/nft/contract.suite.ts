// What every implementation of Nft must do; run against each by nft.kernel.test.ts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isErrno } from '../sys/kernel-error.ts';
import type { Nft, NftChain, NftRule, NftSet, NftTable, Statement } from './contract.ts';
import { NftTransaction } from './transaction.ts';

export const table: NftTable = { kind: 'table', family: 'ip', name: 'portico', comment: 'rules of portico' };
const where = { family: 'ip', table: 'portico' } as const;

export function chain(name: string, base?: NftChain['base'], comment?: string): NftChain {
  return { kind: 'chain', ...where, name, ...(base && { base }), ...(comment === undefined ? {} : { comment }) };
}

export function rule(chainName: string, statements: readonly Statement[], comment?: string): NftRule {
  return { kind: 'rule', ...where, chain: chainName, statements, ...(comment === undefined ? {} : { comment }) };
}

export const services: NftSet = {
  kind: 'set',
  ...where,
  name: 'services',
  key: { type: ['ipv4_addr', 'inet_proto', 'inet_service'] },
  data: 'verdict',
  comment: 'virtual address and port',
};
export const endpoints: NftSet = {
  kind: 'set',
  ...where,
  name: 'endpoints',
  key: { typeof: ['ip daddr', 'meta l4proto', 'th dport', { numgen: 'random', mod: 65536 }] },
  data: { typeof: ['ip daddr', 'th dport'] },
};
export const clusterIps: NftSet = { kind: 'set', ...where, name: 'cluster-ips', key: { type: ['ipv4_addr'] } };
export const ranges: NftSet = {
  kind: 'set',
  ...where,
  name: 'ranges',
  key: { type: ['ipv4_addr'] },
  flags: ['interval'],
};
export const sources: NftSet = {
  kind: 'set',
  ...where,
  name: 'sources',
  key: { type: ['ipv4_addr', 'inet_proto', 'inet_service', 'ipv4_addr'] },
  flags: ['interval'],
};
export const affinity: NftSet = {
  kind: 'set',
  ...where,
  name: 'affinity',
  key: { type: ['ipv4_addr'] },
  flags: ['dynamic', 'timeout'],
  timeoutSeconds: 10800,
  size: 1000,
};

export function nftContract(name: string, open: () => Nft): void {
  describe(`Nft by ${name}`, () => {
    const nft = open();
    const fresh = () => new NftTransaction().destroy(table).add(table);

    it('makes and lists tables, chains, sets, rules', async () => {
      await nft.run(
        fresh()
          .add(chain('reject-chain', undefined, 'answers at once'))
          .add(chain('prerouting', { type: 'nat', hook: 'prerouting', priority: -100 }))
          .add(chain('forward', { type: 'filter', hook: 'forward', priority: -110, policy: 'drop' }))
          .add(services)
          .add(affinity)
          .add(rule('reject-chain', [{ reject: 'default' }], 'nobody is there')),
      );
      assert.deepEqual(
        (await nft.tables()).filter((t) => t.name === 'portico').map((t) => [t.family, t.name]),
        [['ip', 'portico']],
      );
      const chains = (await nft.chains(table)).map((c) => [
        c.name,
        c.base?.type,
        c.base?.hook,
        c.base?.priority,
        c.base?.policy,
      ]);
      assert.deepEqual(chains, [
        ['reject-chain', undefined, undefined, undefined, undefined],
        ['prerouting', 'nat', 'prerouting', -100, 'accept'],
        ['forward', 'filter', 'forward', -110, 'drop'],
      ]);
      const sets = (await nft.sets(table))
        .toSorted((a, b) => a.name.localeCompare(b.name))
        .map((s) => [s.name, s.map, s.size, s.flags.includes('timeout')]);
      assert.deepEqual(sets, [
        ['affinity', false, 1000, true],
        ['services', true, undefined, false],
      ]);
      const rules = await nft.rules(table);
      assert.deepEqual(
        rules.map((r) => [r.chain, r.comment]),
        [['reject-chain', 'nobody is there']],
      );
      assert.match((await nft.listText(table)) ?? '', /reject comment "nobody is there"/);
      await nft.run(
        new NftTransaction().delete({
          kind: 'rule-ref',
          ...where,
          chain: 'reject-chain',
          handle: rules[0]?.handle ?? 0n,
        }),
      );
      assert.deepEqual(await nft.rules(table), []);
    });

    it('adds, reads and deletes elements of every shape', async () => {
      const tx = fresh().add(chain('pick-3'));
      for (const set of [services, endpoints, clusterIps, ranges, sources, affinity]) tx.add(set);
      tx.addElements(services, [
        { key: ['10.96.0.10', 'tcp', 80], data: { goto: 'pick-3' }, comment: 'default/web' },
        { key: '10.96.0.10 . udp . 53', data: 'drop' },
      ]);
      tx.addElements(endpoints, [{ key: ['10.96.0.10', 'tcp', 80, 0], data: ['10.244.0.5', 8080] }]);
      tx.addElements(clusterIps, [{ key: ['10.96.0.10'] }]);
      tx.addElements(ranges, [
        { key: ['10.0.0.0/8'] },
        { key: [{ from: '192.168.1.5', to: '192.168.1.9' }] },
        { key: '255.0.0.0/8' },
      ]);
      tx.addElements(sources, [{ key: ['10.96.0.10', 'tcp', { from: 80, to: 90 }, '10.1.0.0/16'] }]);
      tx.addElements(affinity, [{ key: ['10.244.0.9'], timeoutSeconds: 600 }]);
      await nft.run(tx);
      const read = async (set: NftSet) =>
        (await nft.elements(set)).map((e) => `${e.key}${e.data === undefined ? '' : ` : ${e.data}`}`).sort();
      assert.deepEqual(await read(services), ['10.96.0.10 . tcp . 80 : goto pick-3', '10.96.0.10 . udp . 53 : drop']);
      assert.equal((await nft.elements(services)).find((e) => e.comment !== undefined)?.comment, 'default/web');
      assert.deepEqual(await read(endpoints), ['10.96.0.10 . tcp . 80 . 0 : 10.244.0.5 . 8080']);
      assert.deepEqual(await read(clusterIps), ['10.96.0.10']);
      assert.deepEqual(await read(ranges), ['10.0.0.0/8', '192.168.1.5-192.168.1.9', '255.0.0.0/8']);
      assert.deepEqual(await read(sources), ['10.96.0.10 . tcp . 80-90 . 10.1.0.0/16']);
      const [expiring] = await nft.elements(affinity);
      assert.ok(
        expiring?.expiresSeconds !== undefined && expiring.expiresSeconds > 590 && expiring.expiresSeconds <= 600,
      );

      await nft.run(
        new NftTransaction()
          .deleteElements(services, [{ key: '10.96.0.10 . udp . 53', data: 'drop' }])
          .deleteElements(ranges, [{ key: ['10.0.0.0/8'] }])
          .deleteElements(sources, [{ key: ['10.96.0.10', 'tcp', { from: 80, to: 90 }, '10.1.0.0/16'] }])
          .flush(clusterIps),
      );
      assert.deepEqual(await read(services), ['10.96.0.10 . tcp . 80 : goto pick-3']);
      assert.deepEqual(await read(ranges), ['192.168.1.5-192.168.1.9', '255.0.0.0/8']);
      assert.deepEqual(await read(sources), []);
      assert.deepEqual(await read(clusterIps), []);
    });

    it('does all or nothing, and names the operation that failed', async () => {
      await nft.run(fresh().add(clusterIps));
      const tx = new NftTransaction()
        .addElements(clusterIps, [{ key: ['10.96.0.1'] }])
        .add(rule('no-such-chain', ['accept']))
        .addElements(clusterIps, [{ key: ['10.96.0.2'] }]);
      await assert.rejects(nft.run(tx), (error) => {
        assert.ok(isErrno(error, 'ENOENT'), String(error));
        assert.match(String(error), /nft add rule ip portico no-such-chain accept/);
        return true;
      });
      assert.deepEqual(await nft.elements(clusterIps), []);
    });

    it('only looks when asked to check', async () => {
      await nft.run(fresh());
      await nft.run(new NftTransaction().add(chain('checked')), { check: true });
      assert.deepEqual(await nft.chains(table), []);
      await assert.rejects(nft.run(new NftTransaction().delete(chain('absent')), { check: true }), (e) =>
        isErrno(e, 'ENOENT'),
      );
    });

    it('flushes chains and tables, deletes chains, sets and tables', async () => {
      await nft.run(
        fresh()
          .add(chain('a'))
          .add(chain('b'))
          .add(clusterIps)
          .add(rule('a', ['accept']))
          .add(rule('b', ['drop'])),
      );
      await nft.run(new NftTransaction().flush(chain('a')));
      assert.deepEqual(
        (await nft.rules(table)).map((r) => r.chain),
        ['b'],
      );
      await nft.run(new NftTransaction().flush(table).delete(chain('b')).delete(clusterIps));
      assert.deepEqual(
        (await nft.chains(table)).map((c) => c.name),
        ['a'],
      );
      assert.deepEqual(await nft.sets(table), []);
      await nft.run(new NftTransaction().delete(table));
      assert.equal(await nft.listText(table), undefined);
      assert.deepEqual(await nft.chains(table), []);
      await assert.rejects(nft.run(new NftTransaction().delete(table)), (error) => isErrno(error, 'ENOENT'));
    });

    it('holds no more elements than the size of a set allows, and says so', async () => {
      const small: NftSet = { ...clusterIps, name: 'small', size: 2 };
      const keys = (n: number) => Array.from({ length: n }, (_, i) => ({ key: [`10.0.0.${i + 1}`] }));
      await nft.run(fresh().add(small).addElements(small, keys(2)));
      await assert.rejects(nft.run(new NftTransaction().addElements(small, keys(3))), (e) => isErrno(e, 'ENFILE'));
      assert.equal((await nft.elements(small)).length, 2);
    });

    it('inserts before and creates only what is new', async () => {
      await nft.run(
        fresh()
          .add(chain('a'))
          .add(rule('a', ['accept'], 'old'))
          .insert(rule('a', ['drop'], 'new')),
      );
      assert.deepEqual(
        (await nft.rules(table)).map((r) => r.comment),
        ['new', 'old'],
      );
      await assert.rejects(nft.run(new NftTransaction().create(chain('a'))), (error) => isErrno(error, 'EEXIST'));
    });
  });
}
