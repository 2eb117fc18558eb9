// A list of operations that the kernel takes as one: all or nothing. A value; running it is the business of `Nft`.

import type {
  NftChain,
  NftElement,
  NftObject,
  NftOperation,
  NftRule,
  NftRuleRef,
  NftSet,
  NftTable,
} from './contract.ts';
import { renderOperations } from './render.ts';

/**
 * @example
 * const tx = new NftTransaction();
 * const table = { kind: 'table', family: 'ip', name: 'portico' } as const;
 * tx.add(table).add({ kind: 'chain', family: 'ip', table: 'portico', name: 'services' });
 * tx.text(); // add table ip portico …
 */
export class NftTransaction {
  readonly #operations: NftOperation[] = [];

  get operations(): readonly NftOperation[] {
    return this.#operations;
  }

  get isEmpty(): boolean {
    return this.#operations.length === 0;
  }

  #push(operation: NftOperation): this {
    this.#operations.push(operation);
    return this;
  }

  /** Makes an object, or leaves it when it exists; a rule goes to the end of its chain. */
  add(object: NftObject): this {
    return this.#push({ verb: 'add', object });
  }

  /** Makes an object; the transaction fails when it exists. */
  create(object: NftTable | NftChain | NftSet): this {
    return this.#push({ verb: 'create', object });
  }

  /** Puts a rule at the beginning of its chain. */
  insert(rule: NftRule): this {
    return this.#push({ verb: 'insert', object: rule });
  }

  /** Deletes what exists; the transaction fails when it does not. */
  delete(object: NftTable | NftChain | NftSet | NftRuleRef): this {
    return this.#push({ verb: 'delete', object });
  }

  /** Deletes what may or may not exist. */
  destroy(object: NftTable | NftChain | NftSet): this {
    return this.add(object).delete(object);
  }

  /** Empties a table (of rules), a chain or a set. */
  flush(object: NftTable | NftChain | NftSet): this {
    return this.#push({ verb: 'flush', object });
  }

  /** Adds elements; one that exists with other data makes the transaction fail. */
  addElements(set: NftSet, elements: readonly NftElement[]): this {
    return elements.length === 0 ? this : this.#push({ verb: 'add', set, elements });
  }

  /** Deletes elements by key; one that does not exist makes the transaction fail. */
  deleteElements(set: NftSet, elements: readonly NftElement[]): this {
    return elements.length === 0 ? this : this.#push({ verb: 'delete', set, elements });
  }

  /** The input for `nft -f` that means the same. */
  text(): string {
    return renderOperations(this.#operations);
  }
}
