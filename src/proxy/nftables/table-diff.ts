// From the table that stands in the kernel to the one that should stand there: for a start on a node that has one
// already, and for repairs. Touches only what differs. Pure.
import type { PortState } from '../contract.ts';
import type { Numbering } from './listeners.ts';
import { ElementBatches, SHARED_SETS, type NftOp } from './objects.ts';
import { slotOfData, type Slots } from './slots.ts';
import type { TableModel } from './table-model.ts';

/** What was read from the kernel. Rules are not compared but written again: the shared ones are few. */
export interface KernelTable {
  readonly sets: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly chains: ReadonlySet<string>;
}

function slotsAt(elements: ReadonlyMap<string, string> | undefined, key: string): Slots {
  const out: string[] = [];
  for (let i = 0; ; i++) {
    const value = elements?.get(`${key} . ${i}`);
    if (value === undefined) return out;
    out.push(slotOfData(value));
  }
}

/** The numbers that a port's endpoints have in the kernel. */
export function numberingIn(table: KernelTable, port: PortState): Numbering {
  const keys = [port.clusterIp, ...port.externalIps, ...port.loadBalancerIps].map(
    (ip) => `${ip} . ${port.protocol} . ${port.port}`,
  );
  const first = (set: string) =>
    keys.map((key) => slotsAt(table.sets.get(set), key)).find((slots) => slots.length > 0) ?? [];
  return { cluster: first('endpoints'), local: first('local-endpoints') };
}

export interface TableDiff {
  readonly ops: readonly NftOp[];
  /** Chains and sets that nobody refers to after the operations. */
  readonly obsolete: readonly { readonly name: string; readonly kind: 'chain' | 'set' }[];
}

/** `build` are the operations that would make `want` from nothing. */
export function diffTable(have: KernelTable, want: TableModel, build: readonly NftOp[]): TableDiff {
  const ops: NftOp[] = build.filter((o) => o.op !== 'add-elements' && o.op !== 'delete-elements');
  const obsolete: { name: string; kind: 'chain' | 'set' }[] = [];
  for (const name of have.chains) {
    if (want.chains.has(name)) continue;
    ops.push({ op: 'write-chain', name, rules: [] });
    obsolete.push({ name, kind: 'chain' });
  }
  for (const name of have.sets.keys()) if (!want.sets.has(name)) obsolete.push({ name, kind: 'set' });
  const additions = new ElementBatches('add-elements');
  const deletions = new ElementBatches('delete-elements');
  for (const { name: set } of SHARED_SETS) {
    const elements = want.sets.get(set)?.elements ?? new Map<string, string>();
    const known = have.sets.get(set) ?? new Map<string, string>();
    for (const [key, value] of known) {
      if (elements.get(key) !== value) deletions.push(set, { key });
    }
    for (const [key, value] of elements) {
      if (known.get(key) === value) continue;
      additions.push(set, value === '' ? { key } : { key, data: value });
    }
  }
  return { ops: [...ops, ...deletions.ops, ...additions.ops], obsolete };
}
