// Links of an HTML page, as it streams by. Pure: text in, text out, in pieces of any size. Everything but the values of
// attributes that hold links stays as it is, byte for byte.

/** Attributes that hold one URL, by element: https://html.spec.whatwg.org/multipage/indices.html#attributes-3, and some of older pages. */
const LINKS: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['formaction', 'src', 'usemap'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};

/** Elements whose content is text, whatever it looks like. */
const TEXT_ELEMENTS: ReadonlySet<string> = new Set([
  'iframe',
  'noembed',
  'noframes',
  'noscript',
  'script',
  'style',
  'textarea',
  'title',
  'xmp',
]);

/** A tag longer than this is no tag: it is let through, so that nothing piles up. */
const LONGEST_TAG = 64 * 1024;

/** From `<name` to the `>` that is in no quotes. */
const TAG = /<([a-z][^\s/>]*)(?:[^>"']|"[^"]*"|'[^']*')*>/iy;
const ATTRIBUTE = /([^\s"'<>/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)/g;

export interface PageLinks {
  /** What can be told of the page so far. */
  push(text: string): string;
  /** The rest. */
  end(): string;
}

/** @param change the new value of a link; the text is as it stands in the page */
export function changePageLinks(change: (link: string) => string): PageLinks {
  let held = '';
  /** Name of the text element that the page is in. */
  let inside: string | undefined;

  /** One step of the page from `at`: what comes out, and where it goes on. Undefined: more has to come first. */
  const step = (at: number): { out: string; next: number } | undefined => {
    const pass = (next: number) => ({ out: held.slice(at, next), next });
    if (inside !== undefined) {
      const end = held.toLowerCase().indexOf(`</${inside}`, at);
      if (end >= 0) {
        inside = undefined;
        return pass(end + 2);
      }
      // The end may have begun.
      const next = Math.max(at, held.length - inside.length - 1);
      return next > at ? pass(next) : undefined;
    }
    const open = held.indexOf('<', at);
    if (open < 0) return pass(held.length);
    if (open > at) return pass(open);
    if (held.startsWith('<!--', at)) {
      const end = held.indexOf('-->', at + 4);
      return end < 0 ? undefined : pass(end + 3);
    }
    TAG.lastIndex = at;
    const [tag, name = ''] = TAG.exec(held) ?? [];
    if (tag === undefined) return /^<(?:[a-z!]|$)/i.test(held.slice(at, at + 2)) ? undefined : pass(at + 1);
    const element = name.toLowerCase();
    if (TEXT_ELEMENTS.has(element) && !tag.endsWith('/>')) inside = element;
    return { out: changeTag(tag, element, change), next: at + tag.length };
  };

  const advance = (final: boolean): string => {
    let out = '';
    let at = 0;
    while (at < held.length) {
      const done =
        step(at) ?? (final || held.length - at > LONGEST_TAG ? { out: held[at] ?? '', next: at + 1 } : undefined);
      if (done === undefined) break;
      out += done.out;
      at = done.next;
    }
    held = held.slice(at);
    return out;
  };
  return {
    push(text) {
      held += text;
      return advance(false);
    },
    end: () => advance(true),
  };
}

function changeTag(tag: string, element: string, change: (link: string) => string): string {
  const links = Object.hasOwn(LINKS, element) ? (LINKS[element] ?? []) : [];
  if (links.length === 0) return tag;
  const start = element.length + 1;
  return (
    tag.slice(0, start) +
    tag.slice(start).replaceAll(ATTRIBUTE, (whole, name: string, equals: string, value: string) => {
      if (!links.includes(name.toLowerCase())) return whole;
      const quote = /^["']/.exec(value)?.[0] ?? '';
      return `${name}${equals}${quote}${change(quote === '' ? value : value.slice(1, -1))}${quote}`;
    })
  );
}
