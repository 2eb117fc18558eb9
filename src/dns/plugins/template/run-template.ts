// Runs a template on the data of one question.
import { TemplateError } from './go-template.ts';
import type { Command, Node, Pipe, Term } from './go-template.ts';

export type Method = (...args: readonly Value[]) => Value;
export type Value =
  | string
  | number
  | boolean
  | undefined
  | readonly Value[]
  | { readonly [field: string]: Value }
  | Method;

/** @throws TemplateError */
export function runTemplate(nodes: readonly Node[], data: Value): string {
  return new Run(data).nodes(nodes, data, new Scope(undefined, new Map([['$', data]])));
}

class Scope {
  readonly #outer: Scope | undefined;
  readonly #values: Map<string, Value>;

  constructor(outer: Scope | undefined, values: Map<string, Value> = new Map()) {
    this.#outer = outer;
    this.#values = values;
  }

  get(name: string): Value {
    if (this.#values.has(name)) return this.#values.get(name);
    if (this.#outer === undefined) throw new TemplateError(`the variable ${name} is not set`);
    return this.#outer.get(name);
  }

  declare(name: string, value: Value): void {
    this.#values.set(name, value);
  }

  assign(name: string, value: Value): void {
    if (this.#values.has(name)) this.#values.set(name, value);
    else if (this.#outer === undefined) throw new TemplateError(`the variable ${name} is not declared`);
    else this.#outer.assign(name, value);
  }
}

class Run {
  readonly #data: Value;

  constructor(data: Value) {
    this.#data = data;
  }

  nodes(nodes: readonly Node[], dot: Value, scope: Scope): string {
    return nodes.map((node) => this.#node(node, dot, scope)).join('');
  }

  #node(node: Node, dot: Value, scope: Scope): string {
    switch (node.kind) {
      case 'text':
        return node.text;
      case 'print':
        return shown(this.#pipe(node.pipe, dot, scope));
      case 'set': {
        const value = this.#pipe(node.pipe, dot, scope);
        if (node.declare) scope.declare(node.name, value);
        else scope.assign(node.name, value);
        return '';
      }
      case 'if':
      case 'with': {
        const value = this.#pipe(node.pipe, dot, scope);
        const inner = new Scope(scope);
        if (!isTrue(value)) return this.nodes(node.otherwise, dot, inner);
        return this.nodes(node.body, node.kind === 'with' ? value : dot, inner);
      }
      case 'range': {
        const elements = elementsOf(this.#pipe(node.pipe, dot, scope));
        if (elements.length === 0) return this.nodes(node.otherwise, dot, new Scope(scope));
        return elements
          .map(([key, value]) => this.nodes(node.body, value, rangeScope(scope, node.names, key, value)))
          .join('');
      }
    }
  }

  #pipe(pipe: Pipe, dot: Value, scope: Scope): Value {
    let value: Value;
    for (const [i, command] of pipe.entries()) value = this.#command(command, i === 0 ? [] : [value], dot, scope);
    return value;
  }

  #command([head, ...args]: Command, piped: readonly Value[], dot: Value, scope: Scope): Value {
    const values = [...args.map((arg) => this.#term(arg, dot, scope)), ...piped];
    if (head.kind === 'function') return call(head.name, values);
    const value = this.#term(head, dot, scope);
    if (typeof value === 'function') return value(...values);
    if (values.length > 0) throw new TemplateError('only functions take arguments');
    return value;
  }

  #term(term: Term, dot: Value, scope: Scope): Value {
    switch (term.kind) {
      case 'literal':
        return term.value;
      case 'field':
        return fieldOf(dot, term.path);
      case 'variable':
        return fieldOf(term.name === '$' ? this.#data : scope.get(term.name), term.path);
      case 'function':
        return call(term.name, []);
      case 'pipe':
        return this.#pipe(term.pipe, dot, scope);
    }
  }
}

function rangeScope(outer: Scope, names: readonly string[], key: Value, value: Value): Scope {
  const scope = new Scope(outer);
  const [first, second] = names;
  if (second !== undefined) {
    if (first !== undefined) scope.declare(first, key);
    scope.declare(second, value);
  } else if (first !== undefined) scope.declare(first, value);
  return scope;
}

const isList = (value: Value): value is readonly Value[] => Array.isArray(value);
const isMap = (value: Value): value is { readonly [field: string]: Value } =>
  typeof value === 'object' && !Array.isArray(value);

function fieldOf(value: Value, path: readonly string[]): Value {
  let at = value;
  for (const name of path) {
    if (!isMap(at)) throw new TemplateError(`there is no field .${name} here`);
    // A key that a map does not have reads as its empty value, as in Go.
    at = Object.hasOwn(at, name) ? at[name] : '';
  }
  return at;
}

function elementsOf(value: Value): [Value, Value][] {
  if (isList(value)) return value.map((element, i) => [i, element]);
  if (isMap(value)) return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (typeof value === 'number') return Array.from({ length: Math.min(Math.max(0, value), 1000) }, (_, i) => [i, i]);
  if (value === undefined) return [];
  throw new TemplateError('range needs a list or a map');
}

function isTrue(value: Value): boolean {
  if (isList(value)) return value.length > 0;
  if (isMap(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

function shown(value: Value): string {
  if (value === undefined) return '<no value>';
  if (typeof value === 'function') return shown(value());
  if (isList(value)) return `[${value.map(shown).join(' ')}]`;
  if (isMap(value))
    return `map[${elementsOf(value)
      .map(([k, v]) => `${shown(k)}:${shown(v)}`)
      .join(' ')}]`;
  return String(value);
}

const numberOf = (value: Value): number => {
  if (typeof value !== 'number') throw new TemplateError(`${shown(value)} is no number`);
  return value;
};

function compared(a: Value, b: Value): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  throw new TemplateError(`${shown(a)} and ${shown(b)} cannot be compared`);
}

function index(of: Value, ...keys: readonly Value[]): Value {
  let at = of;
  for (const key of keys) {
    if (isList(at) || typeof at === 'string') {
      const i = numberOf(key);
      if (i < 0 || i >= at.length) throw new TemplateError(`index ${i} is out of range`);
      at = isList(at) ? at[i] : at.charCodeAt(i);
    } else if (isMap(at)) at = fieldOf(at, [shown(key)]);
    else throw new TemplateError('index needs a list or a map');
  }
  return at;
}

/** An unsigned number in a base from 2 to 36 that fits into so many bits. */
function parseInteger(text: Value, base: Value, bits: Value): number {
  const digits = shown(text).toLowerCase();
  const radix = numberOf(base);
  const value = Number.parseInt(digits, radix);
  const size = numberOf(bits) === 0 ? 64 : numberOf(bits);
  if (digits === '' || Number.isNaN(value) || value.toString(radix) !== digits.replace(/^0+(?=.)/, ''))
    throw new TemplateError(`"${digits}" is no number of base ${radix}`);
  if (value >= 2 ** size) throw new TemplateError(`${digits} does not fit into ${size} bits`);
  return value;
}

function formatted(format: Value, ...args: readonly Value[]): string {
  const left = [...args];
  return shown(format).replaceAll(/%([-0+]*)(\d*)([sdvqxXbot%])/g, (_, flags: string, width: string, verb: string) => {
    if (verb === '%') return '%';
    const value = left.shift();
    const text = formatVerb(verb, value);
    const size = Number(width === '' ? 0 : width);
    if (flags.includes('-')) return text.padEnd(size);
    return text.padStart(size, flags.includes('0') ? '0' : ' ');
  });
}

const BASES: Readonly<Record<string, number>> = { x: 16, X: 16, b: 2, o: 8 };

function formatVerb(verb: string, value: Value): string {
  if (verb === 'q') return JSON.stringify(shown(value));
  if (verb === 'd') return String(numberOf(value));
  const base = BASES[verb];
  if (base === undefined) return shown(value);
  const text = typeof value === 'string' ? Buffer.from(value).toString('hex') : numberOf(value).toString(base);
  return verb === 'X' ? text.toUpperCase() : text;
}

/** The first that fits, else the last. */
function firstOr(args: readonly Value[], fits: (arg: Value) => boolean): Value {
  const at = args.findIndex((arg) => fits(arg));
  return args.at(at);
}

const CALLS: Readonly<Record<string, Method>> = {
  index: (of, ...keys) => index(of, ...keys),
  len: (of) => (isList(of) || typeof of === 'string' ? of.length : isMap(of) ? Object.keys(of).length : numberOf(of)),
  slice: (of, from = 0, to) => {
    if (!isList(of) && typeof of !== 'string') throw new TemplateError('slice needs a list or a text');
    return of.slice(numberOf(from), to === undefined ? of.length : numberOf(to));
  },
  print: (...args) => args.map(shown).join(''),
  println: (...args) => `${args.map(shown).join(' ')}\n`,
  printf: (format, ...args) => formatted(format, ...args),
  parseInt: (text, base, bits) => parseInteger(text, base, bits),
  eq: (a, ...others) => others.some((b) => compared(a, b) === 0),
  ne: (a, b) => compared(a, b) !== 0,
  lt: (a, b) => compared(a, b) < 0,
  le: (a, b) => compared(a, b) <= 0,
  gt: (a, b) => compared(a, b) > 0,
  ge: (a, b) => compared(a, b) >= 0,
  and: (...args) => firstOr(args, (arg) => !isTrue(arg)),
  or: (...args) => firstOr(args, isTrue),
  not: (value) => !isTrue(value),
};

export const FUNCTIONS: readonly string[] = Object.keys(CALLS);

function call(name: string, args: readonly Value[]): Value {
  const method = CALLS[name];
  if (method === undefined) throw new TemplateError(`there is no function "${name}"`);
  return method(...args);
}
