// JSON values as YAML, the way sigs.k8s.io/yaml lays them out: keys sorted, lists at the level of their key. Texts that
// could be taken for anything else stand in double quotes with JSON's escapes, which are YAML's too.

/** A text that no YAML reader, of 1.1 or 1.2, takes for a number, a date, a boolean or syntax. */
const PLAIN = /^[A-Za-z/][\w./-]*$/;
const WORDS: ReadonlySet<string> = new Set(['null', 'true', 'false', 'yes', 'no', 'on', 'off', 'y', 'n']);
/** Characters that JSON leaves as they are and YAML does not allow, or folds. */
// oxlint-disable-next-line no-control-regex -- that is what they are
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

function text(value: string): string {
  if (PLAIN.test(value) && !WORDS.has(value.toLowerCase())) return value;
  return JSON.stringify(value.toWellFormed()).replaceAll(
    UNPRINTABLE,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const isEmpty = (value: object): boolean => (Array.isArray(value) ? value.length : Object.keys(value).length) === 0;

/** A value that stands on the line of its key; undefined for one that needs lines of its own. */
function inline(value: unknown): string | undefined {
  if (value === undefined || value === null) return 'null';
  if (typeof value === 'string') return text(value);
  if (typeof value !== 'object') return String(value as number | boolean);
  return isEmpty(value) ? (Array.isArray(value) ? '[]' : '{}') : undefined;
}

function lines(value: object, indent: string, out: string[]): void {
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) {
      const short = inline(item);
      if (short !== undefined) {
        out.push(`${indent}- ${short}`);
        continue;
      }
      const from = out.length;
      lines(item as object, `${indent}  `, out);
      // The item's first line begins behind the dash.
      out[from] = `${indent}- ${(out[from] ?? '').slice(indent.length + 2)}`;
    }
    return;
  }
  const fields = value as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(fields).sort()) {
    const field = fields[key];
    if (field === undefined) continue;
    const short = inline(field);
    if (short !== undefined) {
      out.push(`${indent}${text(key)}: ${short}`);
      continue;
    }
    out.push(`${indent}${text(key)}:`);
    lines(field as object, Array.isArray(field) ? indent : `${indent}  `, out);
  }
}

/** @example yamlText({ a: [1, 'yes'] }) // 'a:\n- 1\n- "yes"\n' */
export function yamlText(value: unknown): string {
  const short = inline(value);
  if (short !== undefined) return `${short}\n`;
  const out: string[] = [];
  lines(value as object, '', out);
  return `${out.join('\n')}\n`;
}
