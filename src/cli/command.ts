// The shape of a command and its flags. Parsing is node:util's; the help text follows from the same table.
import { parseArgs } from 'node:util';

import { UserError } from '../errors/index.ts';

/** One flag. A flag without `value` is a switch. */
export interface Flag {
  /** Name of the value in the help text, e.g. `N`; absent for a switch. */
  value?: string;
  short?: string;
  multiple?: boolean;
  help: string;
}

export interface Parsed {
  flags: Readonly<Record<string, string | boolean | string[] | undefined>>;
  positionals: readonly string[];
}

export interface Command {
  /** What follows `portico NAME`, e.g. `FROM TO[:PORT] [flags]`. */
  usage: string;
  summary: string;
  flags: Readonly<Record<string, Flag>>;
  /** Takes arguments that are not flags. */
  positionals?: boolean;
  /** Hand over everything after the name unparsed (for `kubectl`). */
  passThrough?: boolean;
  /** Resolves with the exit code. */
  run(parsed: Parsed): Promise<number>;
}

/** @throws UserError for a flag that does not exist or lacks its value. */
export function parseCommand(name: string, command: Command, argv: readonly string[]): Parsed {
  if (command.passThrough === true) return { flags: {}, positionals: argv };
  const options = Object.fromEntries(
    Object.entries({ ...command.flags, help: HELP }).map(([flag, f]) => [
      flag,
      {
        type: f.value === undefined ? ('boolean' as const) : ('string' as const),
        ...(f.short === undefined ? {} : { short: f.short }),
        ...(f.multiple === undefined ? {} : { multiple: f.multiple }),
      },
    ]),
  );
  let values: Parsed['flags'];
  let positionals: string[];
  try {
    const args = argv.map((arg) => switchWord(arg, command));
    const parsed = parseArgs({ args, options, allowPositionals: true, allowNegative: true, strict: true });
    values = parsed.values as Parsed['flags'];
    positionals = parsed.positionals;
  } catch (e) {
    throw new UserError(`${parseFailure(e)}; see 'portico ${name} --help'`);
  }
  if (positionals[0] !== undefined && command.positionals !== true && values['help'] !== true) {
    throw new UserError(
      `'${positionals[0]}' is not a flag, and nothing else is expected; see 'portico ${name} --help'`,
    );
  }
  return { flags: values, positionals };
}

/** Go's way to write a switch, `--flag=true` and `--flag=false`, in parseArgs' words: `--flag` and `--no-flag`. */
function switchWord(arg: string, command: Command): string {
  const [, flag = '', value] = /^--([^=]+)=(true|false)$/.exec(arg) ?? [];
  const known = command.flags[flag];
  if (known === undefined || known.value !== undefined) return arg;
  return value === 'true' ? `--${flag}` : `--no-${flag}`;
}

/** The first sentence of what parseArgs says; the rest is advice over several lines. */
function parseFailure(e: unknown): string {
  const text = e instanceof Error ? e.message : String(e);
  const ambiguous = /^Option '(.*?)(?: <value>)?' argument is ambiguous/.exec(text)?.[1];
  if (ambiguous !== undefined) {
    const flag = ambiguous.split(', ').at(-1) ?? ambiguous;
    return `${flag} wants a value; one that begins with '-' is written ${flag}=-…`;
  }
  return text.split('. ')[0] ?? '';
}

const HELP: Flag = { short: 'h', help: 'Show this help.' };

export function helpText(name: string, command: Command): string {
  const rows = Object.entries({ ...command.flags, help: HELP }).map(([flag, f]) => {
    const short = f.short === undefined ? '' : `-${f.short}, `;
    return [`  ${short}--${flag}${f.value === undefined ? '' : ` ${f.value}`}`, f.help] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return [
    `Usage: portico ${name} ${command.usage}`.trimEnd(),
    '',
    command.summary,
    '',
    'Flags:',
    ...rows.map(([left, right]) => left.padEnd(width) + right),
    '',
  ].join('\n');
}

export function stringFlag(parsed: Parsed, name: string): string | undefined {
  const value = parsed.flags[name];
  return typeof value === 'string' ? value : undefined;
}

/** Undefined: not given. */
export function switchFlag(parsed: Parsed, name: string): boolean | undefined {
  const value = parsed.flags[name];
  return typeof value === 'boolean' ? value : undefined;
}

export function listFlag(parsed: Parsed, name: string): string[] {
  const value = parsed.flags[name];
  if (Array.isArray(value)) return value.flatMap((v) => v.split(','));
  return typeof value === 'string' ? value.split(',') : [];
}

/** @throws UserError when the value is not a whole number. */
export function integerFlag(parsed: Parsed, name: string): number | undefined {
  const text = stringFlag(parsed, name);
  if (text === undefined) return undefined;
  if (!/^-?\d+$/.test(text)) throw new UserError(`--${name} ${text}: give a whole number`);
  return Number(text);
}

/** @throws UserError when the value is none of the choices. */
export function choice<T extends string>(flag: string, value: string, choices: readonly T[]): T {
  const found = choices.find((c) => c === value);
  if (found === undefined) throw new UserError(`--${flag} ${value}: choose ${choices.join(' or ')}`);
  return found;
}

/** @throws UserError when a flag that must be given is missing. */
export function requiredFlag(parsed: Parsed, name: string): string {
  const value = stringFlag(parsed, name);
  if (value === undefined || value === '') throw new UserError(`--${name} is required`);
  return value;
}
