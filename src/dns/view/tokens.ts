// The words of a view's expression.

/** An expression that cannot be read, or whose values do not fit. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}

export interface Token {
  readonly kind: 'text' | 'number' | 'name' | 'sign';
  /** Of a text: what it stands for, without quotes and escapes. */
  readonly text: string;
}

const TOKEN =
  /\s+|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`|\d+(?:\.\d+)?(?!\.?\w)|\d+(?=\.\.)|[A-Za-z_]\w*|\|\||&&|==|!=|<=|>=|\.\.|[-+*/%<>!?:()[\],]/y;

/** Operators that are written as words. */
const WORDS = new Set(['and', 'or', 'not', 'in', 'matches', 'contains', 'startsWith', 'endsWith']);

/** @throws ExpressionError */
export function tokensOf(text: string): Token[] {
  const out: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const from = TOKEN.lastIndex;
    const raw = TOKEN.exec(text)?.[0];
    if (raw === undefined) throw new ExpressionError(`"${text.slice(from)}" cannot be read`);
    const first = raw.charAt(0);
    if (raw.trim() === '') continue;
    if (first === '`') out.push({ kind: 'text', text: raw.slice(1, -1) });
    else if (first === "'" || first === '"') out.push({ kind: 'text', text: unescaped(raw.slice(1, -1)) });
    else if (/\d/.test(first)) out.push({ kind: 'number', text: raw });
    else if (/\w/.test(first) && !WORDS.has(raw)) out.push({ kind: 'name', text: raw });
    else out.push({ kind: 'sign', text: raw });
  }
  return out;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };
const unescaped = (text: string): string => text.replaceAll(/\\(.)/g, (_, c: string) => ESCAPES[c] ?? c);
