// Reads templates in the part of Go's template language that DNS answers use: fields, variables, pipelines, calls,
// if, with, range. Everything that can be wrong is found here, before a question comes.

export type Literal = string | number | boolean | undefined;

export type Term =
  | { readonly kind: 'literal'; readonly value: Literal }
  /** A path from the dot; empty: the dot itself. */
  | { readonly kind: 'field'; readonly path: readonly string[] }
  /** `$` alone is the data of the template. */
  | { readonly kind: 'variable'; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'pipe'; readonly pipe: Pipe };

/** A value, or a function or method with its arguments. */
export type Command = readonly [head: Term, ...args: readonly Term[]];
/** Each command's value is the last argument of the next. */
export type Pipe = readonly Command[];

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly pipe: Pipe }
  | { readonly kind: 'set'; readonly name: string; readonly declare: boolean; readonly pipe: Pipe }
  | { readonly kind: 'if' | 'with'; readonly pipe: Pipe; readonly body: Node[]; readonly otherwise: Node[] }
  | {
      readonly kind: 'range';
      /** Names of the variables for index and element. */
      readonly names: readonly string[];
      readonly pipe: Pipe;
      readonly body: Node[];
      readonly otherwise: Node[];
    };

export interface TemplateWords {
  readonly functions: readonly string[];
  /** Fields of the template's data. */
  readonly fields: readonly string[];
}

export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

const ACTION = /\{\{(-(?=\s))?((?:"(?:[^"\\]|\\.)*"|`[^`]*`|[^])*?)((?<=\s)-)?\}\}/g;

/** @throws TemplateError */
export function parseGoTemplate(text: string, words: TemplateWords): Node[] {
  const parser = new BlockParser(words);
  let at = 0;
  let trimNext = false;
  const plain = (part: string, trimEnd: boolean) => {
    let out = trimNext ? part.trimStart() : part;
    if (trimEnd) out = out.trimEnd();
    if (out.includes('{{')) throw new TemplateError('an action "{{" has no end');
    if (out !== '') parser.add({ kind: 'text', text: out });
  };
  for (const found of text.matchAll(ACTION)) {
    const [whole, before, action = '', after] = found;
    plain(text.slice(at, found.index), before !== undefined);
    trimNext = after !== undefined;
    at = found.index + whole.length;
    if (!/^\s*\/\*[^]*\*\/\s*$/.test(action)) parser.action(action);
  }
  plain(text.slice(at), false);
  return parser.end();
}

interface OpenBlock {
  readonly kind: 'if' | 'with' | 'range' | 'root';
  readonly into: Node[];
  readonly otherwise: Node[];
  inElse: boolean;
  /** Ends with the `end` of the block around it, as `else if` does. */
  readonly chained: boolean;
}

class BlockParser {
  readonly #words: TemplateWords;
  readonly #root: Node[] = [];
  readonly #open: OpenBlock[];

  constructor(words: TemplateWords) {
    this.#words = words;
    this.#open = [{ kind: 'root', into: this.#root, otherwise: [], inElse: false, chained: false }];
  }

  get #current(): OpenBlock {
    return this.#open.at(-1) as OpenBlock;
  }

  add(node: Node): void {
    const { into, otherwise, inElse } = this.#current;
    (inElse ? otherwise : into).push(node);
  }

  action(text: string): void {
    const tokens = tokensOf(text);
    const [first, second] = tokens;
    if (first === undefined) throw new TemplateError('an action is empty');
    if (first === 'if' || first === 'with' || first === 'range') return this.#begin(first, tokens.slice(1), false);
    if (first === 'end') return this.#close();
    if (first === 'else') {
      if (this.#current.kind === 'root' || this.#current.inElse) throw new TemplateError('else without if');
      this.#current.inElse = true;
      if (second === 'if' || second === 'with') this.#begin(second, tokens.slice(2), true);
      else if (second !== undefined) throw new TemplateError(`"else ${second}" is not known`);
      return undefined;
    }
    if (first.startsWith('$') && (second === ':=' || second === '=')) {
      const pipe = this.#pipe(tokens.slice(2));
      return this.add({ kind: 'set', name: first, declare: second === ':=', pipe });
    }
    return this.add({ kind: 'print', pipe: this.#pipe(tokens) });
  }

  #begin(kind: 'if' | 'with' | 'range', tokens: readonly string[], chained: boolean): void {
    const [body, otherwise]: [Node[], Node[]] = [[], []];
    if (kind === 'range') {
      const assign = tokens.indexOf(':=');
      const names = tokens.slice(0, Math.max(0, assign)).filter((t) => t !== ',');
      this.add({ kind, names, pipe: this.#pipe(tokens.slice(assign + 1)), body, otherwise });
    } else this.add({ kind, pipe: this.#pipe(tokens), body, otherwise });
    this.#open.push({ kind, into: body, otherwise, inElse: false, chained });
  }

  #close(): void {
    for (;;) {
      const closed = this.#open.pop();
      if (closed === undefined || closed.kind === 'root') throw new TemplateError('end without a block');
      if (!closed.chained) return;
    }
  }

  #pipe(tokens: readonly string[]): Pipe {
    // Inside with and range the dot is something else, which is only known at run time.
    const isRoot = this.#open.every((b) => b.kind === 'root' || b.kind === 'if');
    return new PipeParser(tokens, this.#words, isRoot).whole();
  }

  end(): Node[] {
    if (this.#open.length > 1) throw new TemplateError(`"${this.#current.kind}" has no end`);
    return this.#root;
  }
}

const TOKEN =
  /\s+|"(?:[^"\\]|\\.)*"|`[^`]*`|-?\d+(?![\w.])|\$\w*(?:\.\w+)*|(?:\.[A-Za-z_]\w*)+|\.(?!\w)|[A-Za-z_]\w*|:=|[|()=,]/y;

function tokensOf(text: string): string[] {
  const out: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const from = TOKEN.lastIndex;
    const token = TOKEN.exec(text)?.[0];
    if (token === undefined) throw new TemplateError(`"${text.slice(from).trim()}" cannot be read`);
    if (token.trim() !== '') out.push(token);
  }
  return out;
}

class PipeParser {
  readonly #tokens: readonly string[];
  readonly #words: TemplateWords;
  readonly #dotIsData: boolean;
  #at = 0;

  constructor(tokens: readonly string[], words: TemplateWords, dotIsData: boolean) {
    this.#tokens = tokens;
    this.#words = words;
    this.#dotIsData = dotIsData;
  }

  whole(): Pipe {
    const pipe = this.#pipe();
    const left = this.#tokens[this.#at];
    if (left !== undefined) throw new TemplateError(`"${left}" stands in the wrong place`);
    return pipe;
  }

  #pipe(): Pipe {
    const commands: Command[] = [];
    do commands.push(this.#command());
    while (this.#take('|'));
    return commands;
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at += 1;
    return true;
  }

  #command(): Command {
    const terms: Term[] = [];
    for (let token = this.#tokens[this.#at]; token !== undefined; token = this.#tokens[this.#at]) {
      if (token === '|' || token === ')') break;
      this.#at += 1;
      terms.push(this.#term(token));
    }
    const [head, ...args] = terms;
    if (head === undefined) throw new TemplateError('a value is missing');
    if (args.length > 0 && (head.kind === 'literal' || head.kind === 'pipe'))
      throw new TemplateError('only functions take arguments');
    return [head, ...args];
  }

  #term(token: string): Term {
    if (token === '(') {
      const pipe = this.#pipe();
      if (!this.#take(')')) throw new TemplateError('a parenthesis is not closed');
      return { kind: 'pipe', pipe };
    }
    if (token.startsWith('"')) return { kind: 'literal', value: unquote(token) };
    if (token.startsWith('`')) return { kind: 'literal', value: token.slice(1, -1) };
    if (/^-?\d/.test(token)) return { kind: 'literal', value: Number(token) };
    if (token === 'true' || token === 'false') return { kind: 'literal', value: token === 'true' };
    if (token === 'nil') return { kind: 'literal', value: undefined };
    if (token.startsWith('.')) {
      const path = token === '.' ? [] : token.slice(1).split('.');
      if (this.#dotIsData) this.#checkField(path[0]);
      return { kind: 'field', path };
    }
    if (token.startsWith('$')) {
      const [name = '$', ...path] = token.split('.');
      if (name === '$') this.#checkField(path[0]);
      return { kind: 'variable', name, path };
    }
    if (!/^\w+$/.test(token)) throw new TemplateError(`"${token}" stands in the wrong place`);
    if (!this.#words.functions.includes(token)) throw new TemplateError(`there is no function "${token}"`);
    return { kind: 'function', name: token };
  }

  #checkField(field: string | undefined): void {
    if (field === undefined || this.#words.fields.includes(field)) return;
    throw new TemplateError(`there is no field .${field}; ${this.#words.fields.map((f) => `.${f}`).join(', ')} are`);
  }
}

function unquote(token: string): string {
  try {
    return JSON.parse(token) as string;
  } catch {
    throw new TemplateError(`${token} has an escape that is not known`);
  }
}
