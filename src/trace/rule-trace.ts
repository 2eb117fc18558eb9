// The edge that asks one node's kernel which rules a connection passes. A table of our own marks its packets; the kernel
// then tells every rule they meet. The table belongs to an nft process and goes with it, however that ends, and the
// process ends with ours: nothing can be left behind.
import type { ChildProcess } from 'node:child_process';
import { isIpv6 } from '../ip/index.ts';
import { openNft, spawnIn, traceNft } from '../linux/index.ts';
import type { NftTraceEvent } from '../linux/index.ts';
import type { Place } from './contract.ts';
import type { TraceEvent } from './merge.ts';
import { parseIpPacket } from './packet.ts';
import type { Packet, Tuple } from './packet.ts';

export interface RuleTrace {
  /** `lost`: the kernel could not deliver all; what is there may have gaps. */
  finish(): { events: TraceEvent[]; lost: boolean };
  /** Ends it at once; again: nothing. */
  abort(): void;
}

/** Tables of traces begin with this; their own steps are no part of a walk. */
const TRACE_TABLE = 'portico-trace-';
const START_MS = 10_000;

/**
 * The table that marks a connection. Priority −199 is just after connection tracking: matching the original direction's
 * source there finds the packets of both directions, whatever was translated. Of TCP only the packets that open or
 * refuse: the others pass the same rules and only cost.
 */
export function traceTable(name: string, client: Tuple): string {
  const v6 = isIpv6(client.source);
  const source = `ct original ${v6 ? 'ip6' : 'ip'} saddr ${client.source}`;
  const first = client.protocol === 'tcp' ? 'tcp flags & (syn | rst) != 0 ' : '';
  const mark = `${first}${source} meta l4proto ${client.protocol} ct original proto-src ${client.sourcePort} meta nftrace set 1`;
  // Before connection tracking there are rules as well (raw tables): there only the plain addresses are known.
  const family = v6 ? 'ip6' : 'ip';
  const early = [
    `${first}${family} saddr ${client.source} ${client.protocol} sport ${client.sourcePort} meta nftrace set 1`,
    `${first}${family} daddr ${client.source} ${client.protocol} dport ${client.sourcePort} meta nftrace set 1`,
  ];
  return (
    `table ${v6 ? 'ip6' : 'ip'} ${name} { flags owner; ` +
    `chain early { type filter hook prerouting priority -450; ${early.join('; ')}; }; ` +
    `chain early-out { type filter hook output priority -450; ${early[0]}; }; ` +
    `chain pre { type filter hook prerouting priority -199; ${mark}; }; ` +
    `chain out { type filter hook output priority -199; ${mark}; }; }`
  );
}

let counter = 0;

/** Starts tracing on a node; resolves when the packets are being marked. */
export async function startRuleTrace(node: Place, client: Tuple): Promise<RuleTrace> {
  const received: NftTraceEvent[] = [];
  let lost = false;
  const trace = traceNft(
    node.netns,
    (event) => received.push(event),
    () => (lost = true),
  );
  try {
    const owner = await holdTable(node, client);
    const end = () => {
      trace.close();
      owner.kill('SIGKILL');
    };
    return {
      finish: () => {
        trace.drain();
        end();
        return { events: traceEvents(node.name, received), lost };
      },
      abort: end,
    };
  } catch (error) {
    trace.close();
    throw error;
  }
}

/** An interactive nft that owns the table as long as it runs; it dies with this process. */
async function holdTable(node: Place, client: Tuple): Promise<ChildProcess> {
  counter += 1;
  const name = `${TRACE_TABLE}${process.pid}-${counter}`;
  const child = spawnIn(node.netns, 'setpriv', ['--pdeathsig', 'KILL', 'nft', '-i'], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let errors = '';
  let gone: string | undefined;
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  child.stdin?.on('error', () => undefined);
  child.once('error', (error) => (gone = `${error.message}; install nftables and util-linux`));
  child.once('exit', () => (gone ??= 'nft ended'));
  child.stdin?.write(`${traceTable(name, client)}\n`);
  const nft = openNft({ netns: node.netns });
  const deadline = performance.now() + START_MS;
  try {
    while (!(await nft.tables()).some((table) => table.name === name)) {
      if (gone !== undefined || errors !== '' || performance.now() > deadline) {
        child.kill('SIGKILL');
        throw new Error(`cannot trace rules on ${node.name}: ${errors.trim() || gone || 'nft did not start in time'}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return child;
  } finally {
    nft.close();
  }
}

/** The kernel gives a packet's headers with the first event of a chain; the steps after it belong to that packet. */
export function traceEvents(node: string, received: readonly NftTraceEvent[]): TraceEvent[] {
  const packets = new Map<number, Packet>();
  return received.flatMap((event): TraceEvent[] => {
    if (event.networkHeader !== undefined && event.transportHeader !== undefined) {
      const packet = parseIpPacket(Buffer.concat([event.networkHeader, event.transportHeader]));
      if (packet === undefined) packets.delete(event.id);
      else packets.set(event.id, packet);
    }
    const packet = packets.get(event.id);
    // The end of a chain, and what a chain does by default, say something only when they stop the packet.
    const silent = event.type === 'return' || (event.type === 'policy' && event.verdict === 'accept');
    if (packet === undefined || silent || event.table.startsWith(TRACE_TABLE)) return [];
    const { family, table, chain, handle } = event;
    const verdict = event.type === 'policy' ? `policy ${event.verdict}` : event.verdict;
    const step = { node, family, table, chain, verdict, ...(handle === undefined ? {} : { handle }) };
    return [{ node, id: String(event.id), packet, step }];
  });
}
