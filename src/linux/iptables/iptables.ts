// The iptables programs as an object: whole tables through restore and save, single chains and rules by verb. Runs them
// as child processes, in another namespace when asked.

import type { IptablesVariant } from './detect.ts';
import { findProgram } from './detect.ts';
import type { CommandResult } from '../netns/run-command.ts';
import { runCommand } from '../netns/run-command.ts';

export type IptablesFamily = 'IPv4' | 'IPv6';
export type IptablesTable = 'filter' | 'nat' | 'mangle' | 'raw' | 'security';

export interface ChainRef {
  readonly family: IptablesFamily;
  readonly table: IptablesTable;
  readonly chain: string;
}

export interface RuleRef extends ChainRef {
  /** The rule's arguments: `['-m', 'comment', '--comment', 'x', '-j', 'ACCEPT']`. */
  readonly rule: readonly string[];
}

export interface RestoreInput {
  readonly family: IptablesFamily;
  /** Text in the format of iptables-save. */
  readonly input: string | Uint8Array;
  /** Leave chains that the text does not name. @default {true} */
  readonly noFlush?: boolean;
  /** Take packet counters from the text. @default {false} */
  readonly counters?: boolean;
  /** How long to wait for the lock of the legacy variant. @default {5} */
  readonly waitSeconds?: number;
  /** The program is killed after this; it may have taken a table by then. @default {120000} */
  readonly timeoutMs?: number;
}

export interface Iptables {
  readonly variant: IptablesVariant;
  restore(input: RestoreInput): Promise<void>;
  save(options: {
    readonly family: IptablesFamily;
    readonly table?: IptablesTable;
    readonly counters?: boolean;
  }): Promise<string>;
  chainExists(chain: ChainRef): Promise<boolean>;
  /** True when the chain was there already. */
  ensureChain(chain: ChainRef): Promise<boolean>;
  /** True when the rule was there already. */
  ensureRule(rule: RuleRef & { readonly position: 'prepend' | 'append' }): Promise<boolean>;
  /** False when there was no such rule. */
  deleteRule(rule: RuleRef): Promise<boolean>;
  /** False when there was no such chain. */
  flushChain(chain: ChainRef): Promise<boolean>;
  /** False when there was no such chain; the chain must be empty and unused. */
  deleteChain(chain: ChainRef): Promise<boolean>;
}

/** A failed iptables program. */
export class IptablesError extends Error {
  override readonly name = 'IptablesError';
  /** 1 refused, 2 wrong arguments, 3 version mismatch, 4 resource problem. */
  readonly status: number;
  readonly stderr: string;
  /** 1-based line of the restore input that failed, when the program names it. */
  readonly line: number | undefined;

  constructor(what: string, result: CommandResult, input?: string) {
    const line = /line:? (\d+)/.exec(result.stderr)?.[1];
    const text = line === undefined || input === undefined ? undefined : input.split('\n')[Number(line) - 1];
    const culprit = text === undefined ? '' : `\n  line ${line}: ${text}`;
    super(`${what} failed with status ${result.status}: ${result.stderr.trim()}${culprit}`);
    this.status = result.status;
    this.stderr = result.stderr;
    this.line = line === undefined ? undefined : Number(line);
  }

  /** The lock is held or the kernel was short of something: the same call may succeed later. */
  get resourceProblem(): boolean {
    return this.status === 4;
  }
}

export interface IptablesOptions {
  readonly variant: IptablesVariant;
  readonly netns?: string;
}

/** The programs of one variant; throws when they are not installed. */
export function openIptables(options: IptablesOptions): Iptables {
  return new CommandIptables(options);
}

class CommandIptables implements Iptables {
  readonly variant: IptablesVariant;
  readonly #netns: string | undefined;
  readonly #programs = new Map<string, string>();

  constructor(options: IptablesOptions) {
    this.variant = options.variant;
    this.#netns = options.netns;
    this.#program('IPv4', '');
  }

  #program(family: IptablesFamily, suffix: '' | '-restore' | '-save'): string {
    const base = family === 'IPv4' ? 'iptables' : 'ip6tables';
    const name = `${base}-${this.variant}${suffix}`;
    let path = this.#programs.get(name);
    if (path === undefined) {
      path = findProgram(name) ?? findProgram(`${base}${suffix}`);
      if (path === undefined) throw new Error(`${name} is not installed: install the package iptables`);
      this.#programs.set(name, path);
    }
    return path;
  }

  async restore(request: RestoreInput): Promise<void> {
    const args = ['-w', String(request.waitSeconds ?? 5)];
    if (request.noFlush ?? true) args.push('--noflush');
    if (request.counters) args.push('--counters');
    const program = this.#program(request.family, '-restore');
    const result = await runCommand(program, args, {
      netns: this.#netns,
      input: request.input,
      ...(request.timeoutMs === undefined ? {} : { timeoutMs: request.timeoutMs }),
    });
    if (result.status === 0) return;
    throw new IptablesError(`${program} ${args.join(' ')}`, result, Buffer.from(request.input).toString());
  }

  async save(request: {
    readonly family: IptablesFamily;
    readonly table?: IptablesTable;
    readonly counters?: boolean;
  }): Promise<string> {
    const args: string[] = [];
    if (request.table !== undefined) args.push('-t', request.table);
    if (request.counters) args.push('-c');
    const program = this.#program(request.family, '-save');
    const result = await runCommand(program, args, { netns: this.#netns });
    if (result.status !== 0) throw new IptablesError(`${program} ${args.join(' ')}`, result);
    return result.stdout;
  }

  async #verb(verb: string, chain: ChainRef, rule: readonly string[] = []): Promise<CommandResult> {
    const args = ['-w', '5', '-t', chain.table, verb, chain.chain, ...rule];
    return runCommand(this.#program(chain.family, ''), args, { netns: this.#netns });
  }

  async #must(verb: string, chain: ChainRef, rule: readonly string[] = []): Promise<void> {
    const result = await this.#verb(verb, chain, rule);
    if (result.status === 0) return;
    throw new IptablesError(
      `iptables (${chain.family}) -t ${chain.table} ${verb} ${chain.chain} ${rule.join(' ')}`,
      result,
    );
  }

  /** Status 1 is iptables' word for "there is none". */
  async #probe(verb: string, chain: ChainRef, rule: readonly string[] = []): Promise<boolean> {
    const result = await this.#verb(verb, chain, rule);
    if (result.status === 0) return true;
    if (result.status === 1) return false;
    throw new IptablesError(
      `iptables (${chain.family}) -t ${chain.table} ${verb} ${chain.chain} ${rule.join(' ')}`,
      result,
    );
  }

  chainExists(chain: ChainRef): Promise<boolean> {
    return this.#probe('-S', chain);
  }

  async ensureChain(chain: ChainRef): Promise<boolean> {
    const result = await this.#verb('-N', chain);
    if (result.status === 0) return false;
    if (result.status === 1 && (await this.chainExists(chain))) return true;
    throw new IptablesError(`iptables (${chain.family}) -t ${chain.table} -N ${chain.chain}`, result);
  }

  async ensureRule(rule: RuleRef & { readonly position: 'prepend' | 'append' }): Promise<boolean> {
    if (await this.#probe('-C', rule, rule.rule)) return true;
    await this.#must(rule.position === 'prepend' ? '-I' : '-A', rule, rule.rule);
    return false;
  }

  async deleteRule(rule: RuleRef): Promise<boolean> {
    if (!(await this.#probe('-C', rule, rule.rule))) return false;
    await this.#must('-D', rule, rule.rule);
    return true;
  }

  async flushChain(chain: ChainRef): Promise<boolean> {
    if (!(await this.chainExists(chain))) return false;
    await this.#must('-F', chain);
    return true;
  }

  async deleteChain(chain: ChainRef): Promise<boolean> {
    if (!(await this.chainExists(chain))) return false;
    await this.#must('-X', chain);
    return true;
  }
}
