// The edge that asks one node's kernel which rules a connection passes. One nft process a node holds a table that marks
// the connection's packets and reads the kernel's trace; the table belongs to the process, so that it goes with it,
// however it ends.
import { inNetns, spawnIn } from '../linux/index.ts';
import { readFileSync } from 'node:fs';
import { isIpv6 } from '../ip/index.ts';
import type { Place } from './contract.ts';
import type { TraceEvent } from './merge.ts';
import type { Tuple } from './packet.ts';
import { readerIdle } from './reader-idle.ts';
import { RuleTraceReader, TRACE_TABLE } from './rule-trace-lines.ts';

export interface RuleTrace {
  /** `lost`: the kernel could not deliver all; what is there may have gaps. */
  finish(): Promise<{ events: TraceEvent[]; lost: boolean }>;
  abort(): void;
}

const START_MS = 10_000;
const NETLINK_NETFILTER = '12';
const NFTRACE_GROUP = 1 << 8;

/**
 * The table that marks a connection. Priority −199 is just after connection tracking: matching the original direction's
 * source there finds the packets of both directions, whatever was translated. Of TCP only the packets that open or
 * refuse: each event costs room in a buffer that holds few hundred.
 */
export function traceTable(name: string, client: Tuple): string {
  const v6 = isIpv6(client.source);
  const source = `ct original ${v6 ? 'ip6' : 'ip'} saddr ${client.source}`;
  const first = client.protocol === 'tcp' ? 'tcp flags & (syn | rst) != 0 ' : '';
  const mark = `${first}${source} meta l4proto ${client.protocol} ct original proto-src ${client.sourcePort} meta nftrace set 1`;
  return (
    `table ${v6 ? 'ip6' : 'ip'} ${name} { flags owner; ` +
    `chain pre { type filter hook prerouting priority -199; ${mark}; }; ` +
    `chain out { type filter hook output priority -199; ${mark}; }; }`
  );
}

let counter = 0;

/** Starts tracing on a node; resolves when the kernel delivers events. */
export async function startRuleTrace(node: Place, client: Tuple): Promise<RuleTrace> {
  counter += 1;
  const table = traceTable(`${TRACE_TABLE}${process.pid}-${counter}`, client);
  // Dies with this process: an nft left alone would keep its table. Writes line by line: what stands in its buffer when
  // it is ended is lost.
  const command = ['--pdeathsig', 'KILL', 'stdbuf', '-oL', 'nft', '-n', '-a', '-i'];
  const child = spawnIn(node.netns, 'setpriv', command, {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const reader = new RuleTraceReader(node.name);
  const events: TraceEvent[] = [];
  let errors = '';
  let gone: string | undefined;
  child.stdout?.on('data', (chunk: Buffer) => events.push(...reader.read(chunk.toString())));
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  child.stdin?.on('error', () => undefined);
  child.once('error', (error) => (gone = `${error.message}; install nftables and util-linux`));
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.once('exit', () => (gone ??= 'nft ended'));
  child.stdin?.write(`${table}\nmonitor trace\n`);
  const end = performance.now() + START_MS;
  while (!subscribed(node.netns, child.pid)) {
    if (gone === undefined && errors === '' && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      continue;
    }
    child.kill('SIGKILL');
    throw new Error(`cannot trace rules on ${node.name}: ${errors.trim() || gone || 'nft did not start in time'}`);
  }
  return {
    finish: async () => {
      await readerIdle(child.pid);
      child.kill('SIGKILL');
      await exited;
      return { events, lost: reader.lost };
    },
    abort: () => void child.kill('SIGKILL'),
  };
}

/** Whether the process listens to the kernel's rule traces. */
function subscribed(netns: string, pid: number | undefined): boolean {
  const table = inNetns(netns, () => readFileSync('/proc/thread-self/net/netlink', 'utf8'));
  return table.split('\n').some((line) => {
    const [, protocol, owner, groups] = line.trim().split(/\s+/);
    return (
      protocol === NETLINK_NETFILTER &&
      owner === String(pid) &&
      (Number.parseInt(groups ?? '0', 16) & NFTRACE_GROUP) !== 0
    );
  });
}
