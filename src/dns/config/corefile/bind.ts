// The Corefile's `bind`: the addresses that the sockets of all server blocks have.
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { mistake, unknownOption } from './directive.ts';
import type { CoreBlock, Directive } from './syntax.ts';

/**
 * `bind ADDRESS|INTERFACE… { except ADDRESS|INTERFACE… }`, the same in every block; undefined: in none.
 * @throws DnsConfigError for blocks that differ: one server has one set of sockets
 */
export function bindAddresses(blocks: readonly CoreBlock[]): string[] | undefined {
  const perBlock = blocks.map(({ directives }) => directives.filter((d) => d.name === 'bind'));
  const sets = perBlock.map((binds) => [...new Set(binds.flatMap(addressesOf))].toSorted());
  const [first = []] = sets;
  for (const [i, set] of sets.entries())
    if (set.join() !== first.join()) {
      const d = perBlock[i]?.[0] ?? perBlock[0]?.[0];
      if (d !== undefined)
        throw mistake(d, 'all server blocks must bind the same addresses; start another server for the others');
    }
  return first.length === 0 ? undefined : first;
}

function addressesOf(d: Directive): string[] {
  if (d.args.length === 0) throw mistake(d, 'write bind ADDRESS…');
  const except = d.block.flatMap((o) => {
    if (o.name !== 'except') throw unknownOption(o, 'bind');
    return o.args.flatMap((text) => resolved(text, o));
  });
  return d.args.flatMap((text) => resolved(text, d)).filter((address) => !except.includes(address));
}

/** An address, or those of a network interface of this machine. */
function resolved(text: string, d: Directive): string[] {
  if (isIP(text) !== 0) return [text];
  const found = networkInterfaces()[text]?.map((at) => (at.scopeid ? `${at.address}%${text}` : at.address));
  if (found === undefined) throw mistake(d, `"${text}" is no address and no network interface of this machine`);
  return found;
}
