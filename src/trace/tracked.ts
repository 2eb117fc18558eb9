// Connection-tracking entries of one connection, as a node's kernel holds them.
import { isIpv6 } from '../ip/index.ts';
import { runCommand } from '../linux/index.ts';
import type { Place, TrackedConnection } from './contract.ts';
import type { Tuple } from './packet.ts';

/** Entries whose original direction began with the client's address and port. */
export async function readTracked(node: Place, client: Tuple): Promise<TrackedConnection[]> {
  const family = isIpv6(client.source) ? 'ipv6' : 'ipv4';
  const filter = ['-p', client.protocol, '--orig-src', client.source, '--orig-port-src', String(client.sourcePort)];
  const { stdout } = await runCommand('conntrack', ['-L', '-f', family, ...filter], { netns: node.netns });
  return stdout.split('\n').flatMap((line) => parseTracked(node.name, line) ?? []);
}

/** Reads a line of `conntrack -L`. */
export function parseTracked(node: string, line: string): TrackedConnection | undefined {
  const match = /^(tcp|udp)\s+\d+\s+(\d+)\s+([A-Z_]+ )?/.exec(line);
  if (match === null) return undefined;
  const protocol = match[1] === 'udp' ? 'udp' : 'tcp';
  const tuples = [...line.matchAll(/src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)/g)].map(
    ([, source = '', destination = '', sourcePort, destinationPort]): Tuple => ({
      protocol,
      source,
      sourcePort: Number(sourcePort),
      destination,
      destinationPort: Number(destinationPort),
    }),
  );
  const [original, reply] = tuples;
  if (original === undefined || reply === undefined) return undefined;
  const state = match[3]?.trim() ?? (line.includes('[UNREPLIED]') ? 'UNREPLIED' : undefined);
  return { node, original, reply, timeoutSeconds: Number(match[2]), ...(state === undefined ? {} : { state }) };
}
