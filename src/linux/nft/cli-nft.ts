// nftables through the program nft: the fallback, and the witness for what netlink writes. Costs a process a call.

import { runCommand } from '../netns/run-command.ts';
import type {
  ChainFacts,
  ElementFacts,
  Nft,
  NftOperation,
  NftSet,
  RuleFacts,
  SetFacts,
  TableFacts,
  TableRef,
} from './contract.ts';
import { describeOperation, renderOperations } from './render.ts';
import { listTable } from './netlink-nft.ts';

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

/** nft refused; `code` as in KernelError when it names one. */
export class NftCommandError extends Error {
  override readonly name = 'NftCommandError';
  readonly code: string | undefined;

  constructor(what: string, stderr: string) {
    super(`${what}: ${stderr.trim()}`);
    this.code = CODES.find(([text]) => stderr.includes(text))?.[1];
  }
}

const CODES = [
  ['No such file or directory', 'ENOENT'],
  ['File exists', 'EEXIST'],
  ['Too many open files in system', 'ENFILE'],
  ['Device or resource busy', 'EBUSY'],
  ['Operation not permitted', 'EPERM'],
  ['Operation not supported', 'EOPNOTSUPP'],
] as const;

export class CliNft implements Nft {
  readonly #netns: string | undefined;

  constructor(netns?: string) {
    this.#netns = netns;
  }

  async run(
    transaction: { readonly operations: readonly NftOperation[] },
    options: { readonly check?: boolean } = {},
  ): Promise<void> {
    const { operations } = transaction;
    if (operations.length === 0) return;
    const args = options.check ? ['-c', '-f', '-'] : ['-f', '-'];
    const result = await runCommand('nft', args, { netns: this.#netns, input: renderOperations(operations) });
    if (result.status === 0) return;
    // One operation is one line of the input, so nft's line number names the operation.
    const line = /^\/dev\/stdin:(\d+):/m.exec(result.stderr)?.[1];
    const operation = line === undefined ? undefined : operations[Number(line) - 1];
    const what = operation === undefined ? 'transaction' : describeOperation(operation);
    throw new NftCommandError(`nft ${what}`, result.stderr);
  }

  async #list(args: readonly string[]): Promise<JsonObject[]> {
    const result = await runCommand('nft', ['-j', '-a', ...args], { netns: this.#netns });
    if (result.status !== 0) throw new NftCommandError(`nft ${args.join(' ')}`, result.stderr);
    const { nftables } = JSON.parse(result.stdout) as { readonly nftables: readonly JsonObject[] };
    return [...nftables];
  }

  /** The objects of one kind in one table. */
  async #objects(kind: string, args: readonly string[]): Promise<JsonObject[]> {
    try {
      const all = await this.#list(args);
      return all.flatMap((entry) => (entry[kind] === undefined ? [] : [entry[kind] as JsonObject]));
    } catch (error) {
      if (error instanceof NftCommandError && error.code === 'ENOENT') return [];
      throw error;
    }
  }

  async tables(): Promise<TableFacts[]> {
    return (await this.#objects('table', ['list', 'tables'])).map((o) => ({
      ...named(o),
      comment: text(o['comment']),
    }));
  }

  async chains(table: TableRef): Promise<ChainFacts[]> {
    const chains = await this.#objects('chain', ['-t', 'list', 'table', table.family, table.name]);
    return chains.map((o) => ({
      ...inTable(o),
      base:
        o['hook'] === undefined
          ? undefined
          : {
              type: text(o['type']) ?? '',
              hook: text(o['hook']) ?? '',
              priority: Number(o['prio']),
              policy: text(o['policy']) ?? '',
            },
      comment: text(o['comment']),
    }));
  }

  async sets(table: TableRef): Promise<SetFacts[]> {
    const args = ['-t', 'list', 'table', table.family, table.name];
    const [sets, maps] = [await this.#objects('set', args), await this.#objects('map', args)];
    return [...sets.map((o) => setFacts(o, false)), ...maps.map((o) => setFacts(o, true))];
  }

  async rules(table: TableRef): Promise<RuleFacts[]> {
    const rules = await this.#objects('rule', ['list', 'table', table.family, table.name]);
    return rules.map((o) => ({
      family: text(o['family']) ?? '',
      table: text(o['table']) ?? '',
      chain: text(o['chain']) ?? '',
      handle: BigInt(Number(o['handle'])),
      comment: text(o['comment']),
    }));
  }

  async elements(set: NftSet): Promise<ElementFacts[]> {
    const kind = set.data === undefined ? 'set' : 'map';
    const listed = (await this.#list(['list', kind, set.family, set.table, set.name])).find(
      (e) => e[kind] !== undefined,
    );
    const elements = ((listed?.[kind] as JsonObject | undefined)?.['elem'] ?? []) as readonly Json[];
    return elements.map((element) =>
      kind === 'map' ? mapElement(element) : { ...keyFacts(element), data: undefined },
    );
  }

  listText(table: TableRef): Promise<string | undefined> {
    return listTable(table, this.#netns);
  }

  close(): void {}
}

function text(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function named(o: JsonObject): { family: string; name: string; handle: bigint } {
  return { family: text(o['family']) ?? '', name: text(o['name']) ?? '', handle: BigInt(Number(o['handle'])) };
}

function inTable(o: JsonObject): { family: string; table: string; name: string; handle: bigint } {
  return { ...named(o), table: text(o['table']) ?? '' };
}

function setFacts(o: JsonObject, map: boolean): SetFacts {
  return {
    ...inTable(o),
    map,
    flags: ((o['flags'] ?? []) as readonly string[]).filter((flag) => typeof flag === 'string'),
    size: typeof o['size'] === 'number' ? o['size'] : undefined,
    comment: text(o['comment']),
  };
}

function valueText(value: Json): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return (value as readonly Json[]).map(valueText).join(' . ');
  const o = value as JsonObject;
  if (o['concat'] !== undefined) return valueText(o['concat']);
  if (o['range'] !== undefined) return (o['range'] as readonly Json[]).map(valueText).join('-');
  if (o['prefix'] !== undefined) {
    const prefix = o['prefix'] as JsonObject;
    return `${text(prefix['addr']) ?? ''}/${Number(prefix['len'])}`;
  }
  for (const verdict of ['goto', 'jump']) {
    if (o[verdict] !== undefined) return `${verdict} ${text((o[verdict] as JsonObject)['target']) ?? ''}`;
  }
  return Object.keys(o)[0] ?? '';
}

function keyFacts(element: Json): { key: string; comment: string | undefined; expiresSeconds: number | undefined } {
  const wrapped = typeof element === 'object' && element !== null ? (element as JsonObject)['elem'] : undefined;
  if (wrapped === undefined) return { key: valueText(element), comment: undefined, expiresSeconds: undefined };
  const o = wrapped as JsonObject;
  const expires = o['expires'];
  return {
    key: valueText(o['val'] ?? ''),
    comment: text(o['comment']),
    expiresSeconds: typeof expires === 'number' ? expires : undefined,
  };
}

function mapElement(element: Json): ElementFacts {
  const [key, data] = element as readonly [Json, Json];
  return { ...keyFacts(key), data: valueText(data) };
}
