// `$(NAME)` in commands, arguments and values. Pure.

/** Known names are replaced, unknown ones stay as they are, `$$(NAME)` gives `$(NAME)`. */
export function expand(text: string, variables: ReadonlyMap<string, string>): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '$' || i + 1 >= text.length) {
      out += text[i];
      continue;
    }
    const next = text[i + 1];
    if (next === '$') {
      out += '$';
      i++;
      continue;
    }
    const end = next === '(' ? text.indexOf(')', i + 2) : -1;
    if (end < 0) {
      out += '$';
      continue;
    }
    const name = text.slice(i + 2, end);
    out += variables.get(name) ?? `$(${name})`;
    i = end;
  }
  return out;
}
