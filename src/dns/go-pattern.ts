// Regular expressions as Corefiles hold them (RE2, as Go writes them) made into those of this runtime.

/**
 * @throws SyntaxError for what is no regular expression here.
 * @example goPattern('(?i)^ip-(?P<a>[0-9]*)\\.example\\.$')
 */
export function goPattern(text: string, flags = ''): RegExp {
  let source = text;
  const set = new Set(flags);
  // Flags for the whole expression stand in front of it.
  const leading = /^\(\?([imsU]+)\)/.exec(source);
  if (leading !== null) {
    for (const flag of leading[1] ?? '') if (flag !== 'U') set.add(flag);
    source = source.slice(leading[0].length);
  }
  source = source
    .replaceAll('(?P<', '(?<')
    .replaceAll(/(?<!\\)\\A/g, '^')
    .replaceAll(/(?<!\\)\\z/g, '$')
    .replaceAll('[[:alnum:]]', '[0-9A-Za-z]')
    .replaceAll('[[:alpha:]]', '[A-Za-z]')
    .replaceAll('[[:digit:]]', '[0-9]')
    .replaceAll('[[:xdigit:]]', '[0-9A-Fa-f]');
  return new RegExp(source, [...set].join(''));
}
