// The Corefile as a tree: server blocks with directives, directives with their own blocks. Knows words, quotes, braces,
// comments, environment variables, snippets; knows nothing of what directives mean.
import { DnsConfigError } from './config.ts';

export interface Directive {
  readonly name: string;
  readonly args: readonly string[];
  readonly block: readonly Directive[];
  readonly line: number;
}

export interface CoreBlock {
  readonly keys: readonly string[];
  readonly directives: readonly Directive[];
  readonly line: number;
}

interface Token {
  readonly text: string;
  readonly line: number;
  readonly quoted: boolean;
}

function tokens(text: string, env: Readonly<Record<string, string | undefined>>): Token[] {
  const out: Token[] = [];
  let line = 1;
  const word = /\n|[ \t\r]+|#[^\n]*|"((?:[^"\\]|\\.)*)"|[^\s"]+|"/gy;
  for (const [raw, quoted] of text.matchAll(word)) {
    if (raw === '"') throw new DnsConfigError(`Corefile line ${line}: a quote is not closed`);
    if (quoted !== undefined) out.push({ text: quoted.replaceAll('\\"', '"'), line, quoted: true });
    else if (!/^[\s#]/.test(raw)) {
      const value = raw.replaceAll(/\{\$(\w+)\}|\{%(\w+)%\}/g, (_, a?: string, b?: string) => env[a ?? b ?? ''] ?? '');
      out.push({ text: value, line, quoted: false });
    }
    line += raw.split('\n').length - 1;
  }
  return out;
}

/** @throws DnsConfigError with the line. */
export function parseCorefileSyntax(text: string, env: Readonly<Record<string, string | undefined>> = {}): CoreBlock[] {
  const all = tokens(text, env);
  let at = 0;
  const fail = (line: number, why: string) => new DnsConfigError(`Corefile line ${line}: ${why}`);
  const isBrace = (token: Token | undefined, brace: string) => token?.quoted === false && token.text === brace;

  /** The words of one line up to a brace. */
  const words = (): Token[] => {
    const out: Token[] = [];
    const line = all[at]?.line;
    for (; at < all.length; at++) {
      const token = all[at];
      if (token === undefined || token.line !== line || isBrace(token, '{') || isBrace(token, '}')) break;
      out.push(token);
    }
    return out;
  };
  const body = (openedAt: number): Directive[] => {
    const out: Directive[] = [];
    for (;;) {
      const token = all[at];
      if (token === undefined) throw fail(openedAt, 'the block that opens here has no closing brace');
      if (isBrace(token, '}')) {
        at += 1;
        return out;
      }
      if (isBrace(token, '{')) throw fail(token.line, 'a brace opens without a directive before it');
      const [name, ...args] = words();
      if (name === undefined) throw fail(token.line, 'a directive is missing');
      let block: Directive[] = [];
      if (isBrace(all[at], '{') && all[at]?.line === name.line) {
        at += 1;
        block = body(name.line);
      }
      out.push({ name: name.text, args: args.map((a) => a.text), block, line: name.line });
    }
  };

  const snippets = new Map<string, readonly Directive[]>();
  const blocks: CoreBlock[] = [];
  while (at < all.length) {
    const start = all[at]?.line ?? 0;
    const keys: string[] = [];
    // Zones may go over several lines as long as each but the last ends in a comma.
    do keys.push(...words().map((t) => t.text));
    while (keys.at(-1)?.endsWith(',') === true);
    if (!isBrace(all[at], '{')) throw fail(start, `"${keys.join(' ')}" needs a block: ZONE { … }`);
    at += 1;
    const directives = body(start);
    const snippet = /^\((.+)\)$/.exec(keys[0] ?? '')?.[1];
    if (snippet !== undefined) snippets.set(snippet, directives);
    else {
      const clean = keys.map((key) => key.replace(/,$/, '')).filter((key) => key !== '');
      if (clean.length === 0) throw fail(start, 'a server block needs a zone');
      blocks.push({ keys: clean, directives, line: start });
    }
  }
  return blocks.map((block) => ({ ...block, directives: expand(block.directives, snippets, fail) }));
}

function expand(
  directives: readonly Directive[],
  snippets: ReadonlyMap<string, readonly Directive[]>,
  fail: (line: number, why: string) => DnsConfigError,
  depth = 0,
): Directive[] {
  return directives.flatMap((directive) => {
    if (directive.name !== 'import') return [directive];
    const name = directive.args[0] ?? '';
    const snippet = snippets.get(name);
    if (snippet === undefined) throw fail(directive.line, `import ${name}: no snippet (${name}) in this file`);
    if (depth > 10) throw fail(directive.line, `import ${name} includes itself`);
    return expand(snippet, snippets, fail, depth + 1);
  });
}
