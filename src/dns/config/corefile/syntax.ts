// The Corefile as a tree: server blocks with directives, directives with their own blocks. Knows words, quotes, braces,
// comments, environment variables, snippets and imported files; knows nothing of what directives mean.
import { DnsConfigError } from '../config.ts';
import { readImports } from './imports.ts';

export interface Directive {
  readonly name: string;
  readonly args: readonly string[];
  readonly block: readonly Directive[];
  /** `Corefile line 3`, or that of an imported file. */
  readonly where: string;
}

export interface CoreBlock {
  readonly keys: readonly string[];
  readonly directives: readonly Directive[];
  readonly where: string;
}

export interface CorefileOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Where imported files are relative to; absent: imports of files are left out, with a warning. */
  readonly folder?: string;
}

interface Token {
  readonly text: string;
  readonly line: number;
  readonly quoted: boolean;
}

const fail = (where: string, why: string): DnsConfigError => new DnsConfigError(`${where}: ${why}`);

function tokens(text: string, source: string, env: NonNullable<CorefileOptions['env']>): Token[] {
  const out: Token[] = [];
  let line = 1;
  // A quote opens a text only at the start of a word.
  const word = /\n|[ \t\r]+|#[^\n]*|"((?:[^"\\]|\\[^])*)"|[^\s"]\S*|"/gy;
  // `{{$x}}` is a template's own variable.
  const fill = (value: string) =>
    value.replaceAll(/(?<!\{)\{\$(\w+)\}|\{%(\w+)%\}/g, (_, a?: string, b?: string) => env[a ?? b ?? ''] ?? '');
  for (const [raw, quoted] of text.matchAll(word)) {
    if (raw === '"') throw fail(`${source} line ${line}`, 'a quote is not closed');
    if (quoted !== undefined) out.push({ text: fill(quoted.replaceAll('\\"', '"')), line, quoted: true });
    else if (!/^[\s#]/.test(raw)) out.push({ text: fill(raw), line, quoted: false });
    line += raw.split('\n').length - 1;
  }
  return out;
}

const isBrace = (token: Token | undefined, brace: string): boolean => token?.quoted === false && token.text === brace;

/** Reads the tokens of one file. */
class Reader {
  readonly #tokens: readonly Token[];
  readonly #source: string;
  #at = 0;

  constructor(text: string, source: string, env: NonNullable<CorefileOptions['env']>) {
    this.#tokens = tokens(text, source, env);
    this.#source = source;
  }

  get next(): Token | undefined {
    return this.#tokens[this.#at];
  }

  where(line: number): string {
    return `${this.#source} line ${line}`;
  }

  /** True when the next word is this brace, which is then behind. */
  brace(brace: '{' | '}'): boolean {
    if (!isBrace(this.next, brace)) return false;
    this.#at += 1;
    return true;
  }

  /** The words of one line up to a brace. */
  words(): Token[] {
    const out: Token[] = [];
    const line = this.next?.line;
    for (let token = this.next; token !== undefined && token.line === line; token = this.next) {
      if (isBrace(token, '{') || isBrace(token, '}')) break;
      out.push(token);
      this.#at += 1;
    }
    return out;
  }

  /** Directives up to the closing brace, or to the end of the file when none was opened. */
  body(openedAt: string | undefined): Directive[] {
    const out: Directive[] = [];
    for (;;) {
      const token = this.next;
      if (token === undefined) {
        if (openedAt === undefined) return out;
        throw fail(openedAt, 'the block that opens here has no closing brace');
      }
      if (openedAt !== undefined && this.brace('}')) return out;
      const where = this.where(token.line);
      if (isBrace(token, '{')) throw fail(where, 'a brace opens without a directive before it');
      const [name, ...args] = this.words();
      if (name === undefined) throw fail(where, 'a closing brace has no opening one');
      const opens = isBrace(this.next, '{') && this.next?.line === (args.at(-1) ?? name).line;
      const block = opens && this.brace('{') ? this.body(where) : [];
      out.push({ name: name.text, args: args.map((a) => a.text), block, where });
    }
  }
}

/** @throws DnsConfigError with file and line. */
export function parseCorefileSyntax(
  text: string,
  options: CorefileOptions = {},
): { blocks: CoreBlock[]; warnings: string[] } {
  const snippets = new Map<string, readonly Directive[]>();
  const blocks: CoreBlock[] = [];
  const warnings: string[] = [];
  const imports = new Imports(options, snippets, warnings);

  const readBlocks = (reader: Reader, depth: number): void => {
    while (reader.next !== undefined) {
      const where = reader.where(reader.next.line);
      const keys: string[] = [];
      // Zones may go over several lines as long as each but the last ends in a comma.
      for (let more = true; more;) {
        const words = reader.words().map((t) => t.text);
        keys.push(...words);
        more = words.at(-1)?.endsWith(',') === true;
      }
      if (keys[0] === 'import' && !isBrace(reader.next, '{')) {
        for (const file of imports.files(keys[1] ?? '', where, depth)) readBlocks(file, depth + 1);
        continue;
      }
      if (!reader.brace('{')) throw fail(where, `"${keys.join(' ')}" needs a block: ZONE { … }`);
      const directives = reader.body(where);
      const snippet = /^\((.+)\)$/.exec(keys[0] ?? '')?.[1];
      if (snippet !== undefined) snippets.set(snippet, directives);
      else {
        const clean = keys.map((key) => key.replace(/,$/, '')).filter((key) => key !== '');
        if (clean.length === 0) throw fail(where, 'a server block needs a zone');
        blocks.push({ keys: clean, directives, where });
      }
    }
  };
  readBlocks(imports.open(text, 'Corefile'), 0);
  return { blocks: blocks.map((b) => ({ ...b, directives: imports.expand(b.directives, 0) })), warnings };
}

const MAX_DEPTH = 10;

class Imports {
  readonly #options: CorefileOptions;
  readonly #snippets: ReadonlyMap<string, readonly Directive[]>;
  readonly #warnings: string[];

  constructor(options: CorefileOptions, snippets: ReadonlyMap<string, readonly Directive[]>, warnings: string[]) {
    this.#options = options;
    this.#snippets = snippets;
    this.#warnings = warnings;
  }

  open(text: string, source: string): Reader {
    return new Reader(text, source, this.#options.env ?? {});
  }

  files(pattern: string, where: string, depth: number): Reader[] {
    if (pattern === '') throw fail(where, 'import: name a snippet or a file');
    if (depth > MAX_DEPTH) throw fail(where, `import ${pattern} includes itself`);
    const { folder } = this.#options;
    if (folder === undefined) {
      this.#warnings.push(`${where}: import ${pattern} is left out: files are not read here`);
      return [];
    }
    const found = readImports(pattern, folder);
    if (found === undefined) throw fail(where, `import ${pattern}: no such snippet or file`);
    return found.map((file) => this.open(file.text, file.name));
  }

  /** Directives with snippets and files in the place of their imports. */
  expand(directives: readonly Directive[], depth: number): Directive[] {
    return directives.flatMap((directive) => {
      const { where } = directive;
      if (directive.name !== 'import')
        return [{ ...directive, block: directive.block.length === 0 ? [] : this.expand(directive.block, depth) }];
      const name = directive.args[0] ?? '';
      const snippet = this.#snippets.get(name);
      if (snippet === undefined)
        return this.files(name, where, depth).flatMap((file) => this.expand(file.body(undefined), depth + 1));
      if (depth > MAX_DEPTH) throw fail(where, `import ${name} includes itself`);
      return this.expand(snippet, depth + 1);
    });
  }
}
