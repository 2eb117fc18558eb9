import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { after, it } from 'node:test';
import type { NftTraceEvent } from '../index.ts';
import {
  createNetns,
  deleteNetns,
  NetlinkNft,
  NftTransaction,
  openUdpSocketIn,
  ruleFromText,
  traceNft,
} from '../index.ts';

const name = `test-${process.pid}-trace`;
createNetns(name);
after(() => deleteNetns(name));

it('traceNft() tells every rule, jump, return and policy that a packet met', async () => {
  const nft = new NetlinkNft(name);
  const table = { family: 'ip', table: 't' } as const;
  const rule = (chain: string, text: string) => ruleFromText(text, { ...table, chain });
  nft.runSync(
    new NftTransaction()
      .add({ kind: 'table', family: 'ip', name: 't' })
      .add({ kind: 'chain', ...table, name: 'inner' })
      .add({ kind: 'chain', ...table, name: 'out', base: { type: 'filter', hook: 'output', priority: 0 } })
      .add(rule('inner', 'udp dport 4001 accept'))
      .add(rule('inner', 'counter'))
      .add(rule('out', 'udp dport 4000 meta nftrace set 1'))
      .add(rule('out', 'meta mark set 0x00000007 jump inner')),
  );
  const handles = (await nft.rules({ family: 'ip', name: 't' })).map((r) => [r.chain, Number(r.handle)] as const);
  nft.close();
  const events: NftTraceEvent[] = [];
  const trace = traceNft(name, (event) => events.push(event));
  const socket = createSocket('udp4').bind({ fd: openUdpSocketIn(name, { address: '127.0.0.1', port: 0 }) });
  for (const port of [4001, 4000]) {
    await new Promise<void>((resolve) => socket.send('x', port, '127.0.0.1', () => resolve()));
  }
  socket.close();
  trace.drain();
  trace.close();
  const handleOf = (chain: string, n: number) => handles.filter(([c]) => c === chain)[n]?.[1];
  const seen = events.filter((e) => e.chain === 'out' || e.chain === 'inner');
  assert.deepEqual(
    seen.map((e) => [e.chain, e.type, e.handle, e.verdict]),
    [
      ['out', 'rule', handleOf('out', 0), 'continue'],
      ['out', 'rule', handleOf('out', 1), 'jump inner'],
      ['inner', 'rule', handleOf('inner', 1), 'continue'],
      ['inner', 'return', undefined, 'continue'],
      ['out', 'return', undefined, 'continue'],
      ['out', 'policy', undefined, 'accept'],
    ],
  );
  assert.equal(new Set(seen.map((e) => e.id)).size, 1);
  assert.equal(seen[0]?.networkHeader?.[9], 17);
  assert.equal(seen[0]?.transportHeader?.readUInt16BE(2), 4000);
  assert.equal(seen.at(-1)?.mark, 7);
  assert.ok((seen[0]?.outputDevice ?? 0) > 0);
});
