// Our table as a value: what the operations of a transaction make of it. Tests and tracers use it in the kernel's place;
// it refuses what the kernel refuses.
import type { NftOp, Rule, SetSpec } from './objects.ts';

export class TableModel {
  readonly sets = new Map<string, { spec: SetSpec; elements: Map<string, string> }>();
  readonly chains = new Map<string, readonly Rule[]>();

  #set(name: string): { spec: SetSpec; elements: Map<string, string> } {
    const set = this.sets.get(name);
    if (set === undefined) throw new Error(`ENOENT: set ${name}`);
    return set;
  }

  /** All or nothing is the kernel's part: a refusal here ends the test. */
  apply(ops: readonly NftOp[]): void {
    for (const op of ops) {
      switch (op.op) {
        case 'add-table':
          break;
        case 'delete-table':
          this.sets.clear();
          this.chains.clear();
          break;
        case 'add-set':
          this.sets.set(op.set.name, { spec: op.set, elements: this.sets.get(op.set.name)?.elements ?? new Map() });
          break;
        case 'delete-set':
          this.#set(op.name);
          this.sets.delete(op.name);
          break;
        case 'add-base-chain':
          if (!this.chains.has(op.chain.name)) this.chains.set(op.chain.name, []);
          break;
        case 'add-chain':
          if (!this.chains.has(op.name)) this.chains.set(op.name, []);
          break;
        case 'write-chain':
          if (!this.chains.has(op.name)) throw new Error(`ENOENT: chain ${op.name}`);
          this.chains.set(op.name, op.rules);
          break;
        case 'delete-chain':
          if (!this.chains.delete(op.name)) throw new Error(`ENOENT: chain ${op.name}`);
          break;
        case 'add-elements': {
          const { elements } = this.#set(op.set);
          for (const { key, data = '' } of op.elements) {
            if ((elements.get(key) ?? data) !== data) throw new Error(`EEXIST: element ${key} of ${op.set}`);
            elements.set(key, data);
          }
          break;
        }
        case 'delete-elements': {
          const { elements } = this.#set(op.set);
          for (const { key } of op.elements) {
            if (!elements.delete(key)) throw new Error(`ENOENT: element ${key} of ${op.set}`);
          }
          break;
        }
      }
    }
    this.#checkReferences();
  }

  /** A jump or a set name that leads nowhere would make the kernel refuse the whole transaction. */
  #checkReferences(): void {
    const needChain = (name: string, by: string) => {
      if (!this.chains.has(name)) throw new Error(`EBUSY: chain ${name} is gone, but ${by} leads to it`);
    };
    const needSet = (name: string, by: string) => {
      if (!this.sets.has(name)) throw new Error(`EBUSY: set ${name} is gone, but ${by} uses it`);
    };
    for (const [chain, rules] of this.chains) {
      for (const statement of rules.flat()) {
        if (typeof statement === 'string') continue;
        if ('jump' in statement) needChain(statement.jump, chain);
        else if ('goto' in statement) needChain(statement.goto, chain);
        else if ('match' in statement && 'in' in statement) needSet(statement.in, chain);
        else if ('vmap' in statement && 'in' in statement) needSet(statement.in, chain);
        else if ('dynset' in statement) needSet(statement.set, chain);
        else if ('dnat' in statement && 'in' in statement.dnat) needSet(statement.dnat.in.name, chain);
        else if ('vmap' in statement) {
          for (const [, v] of statement.entries) if (typeof v === 'object' && 'goto' in v) needChain(v.goto, chain);
        }
      }
    }
    for (const [set, { elements }] of this.sets) {
      for (const value of elements.values()) if (value.startsWith('goto ')) needChain(value.slice(5), set);
    }
  }
}
