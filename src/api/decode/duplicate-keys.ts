// Finds keys that stand twice in one JSON object; JSON.parse keeps the last one silently. The text must be valid JSON.

/** Paths such as `spec.ports[0].port`, at most 100. */
export function findDuplicateKeys(text: string): string[] {
  const found: string[] = [];
  const stack: { keys: Set<string> | undefined; index: number; path: string }[] = [];
  let path = '';
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const top = stack.at(-1);
    if (c === 0x22) {
      const start = i++;
      while (text.charCodeAt(i) !== 0x22) i += text.charCodeAt(i) === 0x5c ? 2 : 1;
      if (top?.keys === undefined || !isKey(text, i + 1)) continue;
      const key = JSON.parse(text.slice(start, i + 1)) as string;
      path = top.path === '' ? key : `${top.path}.${key}`;
      if (top.keys.has(key) && found.length < 100) found.push(path);
      top.keys.add(key);
    } else if (c === 0x7b || c === 0x5b) {
      const own = top !== undefined && top.keys === undefined ? `${top.path}[${top.index}]` : path;
      stack.push({ keys: c === 0x7b ? new Set() : undefined, index: 0, path: own });
    } else if (c === 0x7d || c === 0x5d) {
      stack.pop();
    } else if (c === 0x2c && top !== undefined && top.keys === undefined) {
      top.index++;
    }
  }
  return found;
}

function isKey(text: string, from: number): boolean {
  let i = from;
  while (/\s/.test(text.charAt(i))) i++;
  return text.charAt(i) === ':';
}
