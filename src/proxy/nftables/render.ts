// A transaction as input for `nft -f`: for the cli way of applying, for people, for goldens.
import type { Family } from '../contract.ts';
import { TABLE, nftFamily, type Field, type NftOp, type SetSpec } from './objects.ts';

function typeOf(fields: readonly Field[], family: Family): string {
  const ip = nftFamily(family);
  const words: Record<Field, string> = {
    addr: `${ip} daddr`,
    proto: 'meta l4proto',
    port: 'th dport',
    // The only way to name a number without a type of its own.
    index: 'numgen random mod 65536',
  };
  return fields.map((f) => words[f]).join(' . ');
}

export function renderSet(set: SetSpec, family: Family): string {
  const key = typeOf(set.key, family);
  const timeout = set.timeoutSeconds === undefined ? '' : ` flags dynamic,timeout ; timeout ${set.timeoutSeconds}s ;`;
  if (set.value === undefined) return `set ${nftFamily(family)} ${TABLE} ${set.name} { typeof ${key} ;${timeout} }`;
  const value = set.value === 'verdict' ? 'verdict' : typeOf(set.value, family);
  return `map ${nftFamily(family)} ${TABLE} ${set.name} { typeof ${key} : ${value} ;${timeout} }`;
}

/** One line a statement, ended by newlines. */
export function renderOps(ops: readonly NftOp[], family: Family): string {
  const at = `${nftFamily(family)} ${TABLE}`;
  const out: string[] = [];
  for (const op of ops) {
    switch (op.op) {
      case 'add-table':
        out.push(`add table ${at}`);
        break;
      case 'delete-table':
        out.push(`add table ${at}`, `delete table ${at}`);
        break;
      case 'add-set':
        out.push(`add ${renderSet(op.set, family)}`);
        break;
      case 'delete-set':
        out.push(`delete set ${at} ${op.name}`);
        break;
      case 'add-base-chain': {
        const { name, type, hook, priority } = op.chain;
        out.push(`add chain ${at} ${name} { type ${type} hook ${hook} priority ${priority} ; }`);
        break;
      }
      case 'add-chain':
        out.push(`add chain ${at} ${op.name}`);
        break;
      case 'write-chain':
        out.push(`flush chain ${at} ${op.name}`);
        for (const rule of op.rules) out.push(`add rule ${at} ${op.name} ${rule}`);
        break;
      case 'delete-chain':
        out.push(`delete chain ${at} ${op.name}`);
        break;
      case 'add-element':
        out.push(`add element ${at} ${op.set} { ${op.key}${op.value === undefined ? '' : ` : ${op.value}`} }`);
        break;
      case 'delete-element':
        out.push(`delete element ${at} ${op.set} { ${op.key} }`);
        break;
    }
  }
  return out.length === 0 ? '' : `${out.join('\n')}\n`;
}
