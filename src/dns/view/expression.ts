// The expressions of `view`: a small language that looks at a question (that of github.com/expr-lang/expr, as far as
// conditions need it). An expression becomes a function; mistakes are found while it is read.
import { goPattern } from '../go-pattern.ts';
import { ExpressionError, tokensOf } from './tokens.ts';
import type { Token } from './tokens.ts';

export type Value = string | number | boolean | undefined | readonly Value[];
export type Expression<F> = (facts: F) => Value;

export interface ExpressionFunction<F> {
  readonly arity: number;
  call(facts: F, args: readonly Value[]): Value;
}
export type Functions<F> = Readonly<Record<string, ExpressionFunction<F>>>;

/** How tightly an operator binds. */
const BINARY: Readonly<Record<string, number>> = {
  '||': 10,
  or: 10,
  '&&': 15,
  and: 15,
  '==': 20,
  '!=': 20,
  '<': 20,
  '<=': 20,
  '>': 20,
  '>=': 20,
  in: 20,
  matches: 20,
  contains: 20,
  startsWith: 20,
  endsWith: 20,
  '..': 25,
  '+': 30,
  '-': 30,
  '*': 60,
  '/': 60,
  '%': 60,
};
const NOT = 50;
const MINUS = 90;
const NEGATED = ['in', 'matches', 'contains', 'startsWith', 'endsWith'];

/** @throws ExpressionError */
export function parseExpression<F>(text: string, functions: Functions<F>): Expression<F> {
  return new Parser(tokensOf(text), functions).whole();
}

class Parser<F> {
  readonly #tokens: readonly Token[];
  readonly #functions: Functions<F>;
  #at = 0;

  constructor(tokens: readonly Token[], functions: Functions<F>) {
    this.#tokens = tokens;
    this.#functions = functions;
  }

  whole(): Expression<F> {
    const expression = this.#ternary();
    const left = this.#tokens[this.#at];
    if (left !== undefined) throw new ExpressionError(`"${left.text}" stands in the wrong place`);
    return expression;
  }

  #isNext(text: string, ahead = 0): boolean {
    const token = this.#tokens[this.#at + ahead];
    return token?.kind === 'sign' && token.text === text;
  }

  #take(text: string): boolean {
    if (!this.#isNext(text)) return false;
    this.#at += 1;
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text)) throw new ExpressionError(`"${text}" is missing`);
  }

  #ternary(): Expression<F> {
    const condition = this.#binary(0);
    if (!this.#take('?')) return condition;
    const yes = this.#ternary();
    this.#expect(':');
    const no = this.#ternary();
    return (facts) => (condition(facts) === true ? yes(facts) : no(facts));
  }

  #binary(least: number): Expression<F> {
    let left = this.#unary();
    for (;;) {
      const token = this.#tokens[this.#at];
      if (token?.kind !== 'sign') return left;
      const negated = token.text === 'not' && NEGATED.some((name) => this.#isNext(name, 1));
      const operator = negated ? (this.#tokens[this.#at + 1]?.text ?? '') : token.text;
      const binds = BINARY[operator];
      if (binds === undefined || binds < least) return left;
      this.#at += negated ? 2 : 1;
      const right = this.#binary(binds + 1);
      const whole = binary(operator, left, right);
      left = negated ? (facts) => whole(facts) !== true : whole;
    }
  }

  #unary(): Expression<F> {
    if (this.#take('!') || this.#take('not')) {
      const operand = this.#binary(NOT);
      return (facts) => operand(facts) !== true;
    }
    if (this.#take('-')) {
      const operand = this.#binary(MINUS);
      return (facts) => -numberOf(operand(facts));
    }
    return this.#primary();
  }

  #primary(): Expression<F> {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new ExpressionError('the expression ends too early');
    this.#at += 1;
    const { text } = token;
    if (token.kind === 'text') return () => text;
    if (token.kind === 'number') return () => Number(text);
    if (token.kind === 'name') return this.#nameOrCall(text);
    if (text === '(') {
      const inner = this.#ternary();
      this.#expect(')');
      return inner;
    }
    if (text === '[') {
      const elements = this.#list(']');
      return (facts) => elements.map((element) => element(facts));
    }
    throw new ExpressionError(`"${text}" stands in the wrong place`);
  }

  #nameOrCall(name: string): Expression<F> {
    if (name === 'true' || name === 'false') return () => name === 'true';
    if (name === 'nil') return () => undefined;
    const names = Object.keys(this.#functions).join(', ');
    const method = Object.hasOwn(this.#functions, name) ? this.#functions[name] : undefined;
    if (method === undefined) throw new ExpressionError(`there is no function "${name}"; ${names} are`);
    this.#expect('(');
    const args = this.#list(')');
    if (args.length !== method.arity)
      throw new ExpressionError(`${name}() takes ${method.arity} values, not ${args.length}`);
    return (facts) =>
      method.call(
        facts,
        args.map((arg) => arg(facts)),
      );
  }

  /** Expressions between commas up to the closing sign. */
  #list(close: string): Expression<F>[] {
    const out: Expression<F>[] = [];
    if (this.#take(close)) return out;
    do out.push(this.#ternary());
    while (this.#take(','));
    this.#expect(close);
    return out;
  }
}

function binary<F>(operator: string, left: Expression<F>, right: Expression<F>): Expression<F> {
  switch (operator) {
    case '||':
    case 'or':
      return (facts) => left(facts) === true || right(facts) === true;
    case '&&':
    case 'and':
      return (facts) => left(facts) === true && right(facts) === true;
    case 'matches':
      return matching(left, right);
    default:
      return (facts) => apply(operator, left(facts), right(facts));
  }
}

/** A pattern is read once; those that come out of the question are few. */
function matching<F>(left: Expression<F>, right: Expression<F>): Expression<F> {
  const patterns = new Map<Value, RegExp>();
  const patternOf = (source: Value): RegExp => {
    let pattern = patterns.get(source);
    if (pattern !== undefined) return pattern;
    try {
      pattern = goPattern(textOf(source));
    } catch (error) {
      throw new ExpressionError(error instanceof Error ? error.message : String(error), { cause: error });
    }
    if (patterns.size < 100) patterns.set(source, pattern);
    return pattern;
  };
  return (facts) => patternOf(right(facts)).test(textOf(left(facts)));
}

function apply(operator: string, a: Value, b: Value): Value {
  switch (operator) {
    case '==':
      return equal(a, b);
    case '!=':
      return !equal(a, b);
    case '<':
      return ordered(a, b) < 0;
    case '<=':
      return ordered(a, b) <= 0;
    case '>':
      return ordered(a, b) > 0;
    case '>=':
      return ordered(a, b) >= 0;
    case 'in':
      return listOf(b).some((element) => equal(element, a));
    case 'contains':
      return textOf(a).includes(textOf(b));
    case 'startsWith':
      return textOf(a).startsWith(textOf(b));
    case 'endsWith':
      return textOf(a).endsWith(textOf(b));
    case '..':
      return range(numberOf(a), numberOf(b));
    case '+':
      return typeof a === 'string' ? a + textOf(b) : numberOf(a) + numberOf(b);
    case '-':
      return numberOf(a) - numberOf(b);
    case '*':
      return numberOf(a) * numberOf(b);
    case '/':
      return numberOf(a) / numberOf(b);
    case '%':
      return numberOf(a) % numberOf(b);
    default:
      throw new ExpressionError(`"${operator}" is no operator`);
  }
}

const MAX_RANGE = 65_536;

function range(from: number, to: number): number[] {
  if (to - from >= MAX_RANGE) throw new ExpressionError(`${from}..${to} is too long`);
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
}

function equal(a: Value, b: Value): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return a === b;
  return a.length === b.length && a.every((element: Value, i) => equal(element, b[i] as Value));
}

function ordered(a: Value, b: Value): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [x, y] = [textOf(a), textOf(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

function textOf(value: Value): string {
  if (typeof value === 'string') return value;
  throw new ExpressionError(`${String(value)} is no text`);
}

function numberOf(value: Value): number {
  if (typeof value === 'number') return value;
  throw new ExpressionError(`${String(value)} is no number`);
}

function listOf(value: Value): readonly Value[] {
  if (Array.isArray(value)) return value as readonly Value[];
  throw new ExpressionError(`${String(value)} is no list`);
}
