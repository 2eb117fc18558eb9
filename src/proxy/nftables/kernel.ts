// Our table in the kernel: operations become one transaction of the linux room, over netlink or through the nft program.
import { NetlinkNft, openNft, type Nft, type NftOperation, type NftSet } from '../../linux/index.ts';
import type { Family } from '../contract.ts';
import { SHARED_SETS, TABLE, countElements, nftFamily, nftSet, type NftOp, type SetSpec } from './objects.ts';
import type { NftKernel } from './sync.ts';
import type { TableWatch } from './table-watch.ts';

export type NftApply = 'netlink' | 'cli';

const SPECS: ReadonlyMap<string, SetSpec> = new Map(SHARED_SETS.map((s) => [s.name, s]));

/** Operations in the linux room's words. Pure. */
export function transactionOf(ops: readonly NftOp[], family: Family): NftOperation[] {
  const at = { family: nftFamily(family), table: TABLE };
  const table = {
    kind: 'table',
    family: at.family,
    name: TABLE,
    comment: 'rules of the Portico service proxy',
  } as const;
  const chain = (name: string) => ({ kind: 'chain', ...at, name }) as const;
  const sets = new Map<string, NftSet>();
  const setNamed = (name: string): NftSet => {
    let set = sets.get(name);
    if (set === undefined) {
      const spec = SPECS.get(name) ?? { name, key: ['addr'] };
      sets.set(name, (set = nftSet(spec, family)));
    }
    return set;
  };
  const out: NftOperation[] = [];
  for (const op of ops) {
    switch (op.op) {
      case 'add-table':
        out.push({ verb: 'add', object: table });
        break;
      case 'delete-table':
        // `add` first: to delete what is not there would be an error.
        out.push({ verb: 'add', object: table }, { verb: 'delete', object: table });
        break;
      case 'add-set':
        out.push({ verb: 'add', object: nftSet(op.set, family) });
        break;
      case 'delete-set':
        out.push({ verb: 'delete', object: setNamed(op.name) });
        break;
      case 'add-base-chain': {
        const { name, type, hook, priority } = op.chain;
        out.push({ verb: 'add', object: { ...chain(name), base: { type, hook, priority } } });
        break;
      }
      case 'add-chain':
        out.push({ verb: 'add', object: chain(op.name) });
        break;
      case 'write-chain':
        out.push({ verb: 'flush', object: chain(op.name) });
        for (const statements of op.rules) {
          out.push({ verb: 'add', object: { kind: 'rule', ...at, chain: op.name, statements } });
        }
        break;
      case 'add-elements':
      case 'delete-elements':
        if (op.elements.length > 0) {
          const verb = op.op === 'add-elements' ? 'add' : 'delete';
          out.push({ verb, set: setNamed(op.set), elements: op.elements });
        }
        break;
      case 'delete-chain':
        out.push({ verb: 'delete', object: chain(op.name) });
        break;
    }
  }
  return out;
}

export interface KernelOptions {
  readonly netns: string | undefined;
  readonly apply: NftApply;
  readonly watch?: TableWatch | undefined;
}

const MANY = 2000;

export function openNftKernel(family: Family, options: KernelOptions): NftKernel {
  const { netns, apply, watch } = options;
  const nft: Nft = openNft({ apply, ...(netns === undefined ? {} : { netns }) });
  const counter = nft instanceof NetlinkNft ? nft : new NetlinkNft(netns);
  const table = { family: nftFamily(family), name: TABLE };
  const exists = async () => (await nft.tables()).some((t) => t.family === table.family && t.name === table.name);
  return {
    exists,
    amendsRules: apply === 'netlink',
    async apply(ops) {
      const operations = transactionOf(ops, family);
      // The kernel reports every element; of so many the socket would lose some, and nobody learns anything from ours.
      if (watch === undefined) return nft.run({ operations });
      if (countElements(ops) <= MANY) return watch.own(() => nft.run({ operations }));
      watch.pause();
      const before = counter.generation();
      try {
        await nft.run({ operations });
      } finally {
        watch.resume();
      }
      // Every transaction of anybody counts one.
      if (counter.generation() - before > 1) watch.missed(family);
    },
    async read() {
      if (!(await exists())) return undefined;
      const chains = new Set((await nft.chains(table)).map((c) => c.name));
      const sets = new Map<string, Map<string, string>>();
      for (const { name } of await nft.sets(table)) {
        const spec = SPECS.get(name);
        // Which clients belong to which endpoint is the kernel's own business.
        const elements = spec === undefined ? [] : await nft.elements(nftSet(spec, family));
        sets.set(name, new Map(elements.map((e) => [e.key, e.data ?? ''])));
      }
      return { sets, chains };
    },
    close() {
      nft.close();
      counter.close();
    },
  };
}
