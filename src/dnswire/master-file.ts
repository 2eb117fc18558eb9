// Master files (RFC 1035 §5): $ORIGIN, $TTL (RFC 2308 §4), $INCLUDE, records over several lines, owners left out.
import { typeName, Type } from './codes.ts';
import type { ResourceRecord } from './message.ts';
import { formatName } from './name.ts';
import type { WireName } from './name.ts';
import { absoluteName, parseTtl, recordOfWords } from './parse-record.ts';
import { soaMinimum } from './rdata.ts';
import { DnsWireError } from './wire-error.ts';

export interface MasterFileOptions {
  /** What names without a closing dot are below, until $ORIGIN says otherwise. */
  readonly origin: WireName;
  /** For messages. */
  readonly file: string;
  /** The text of an included file; absent: $INCLUDE is a mistake. */
  readonly include?: (file: string) => { readonly file: string; readonly text: string };
  /** Types that are left out, by name: those of signatures, say. */
  readonly skip?: ReadonlySet<string>;
}

interface Entry {
  readonly words: readonly string[];
  /** The line begins with a blank: the owner of the record before. */
  readonly sameOwner: boolean;
  readonly line: number;
}

const MAX_INCLUDES = 10;

/** @throws DnsWireError that names file and line. */
export function parseMasterFile(text: string, options: MasterFileOptions): ResourceRecord[] {
  const records: ResourceRecord[] = [];
  readInto(records, text, options, { ttl: undefined, lastTtl: undefined, owner: undefined }, 0);
  return records;
}

interface State {
  /** Of $TTL: for every record that does not say its own. */
  ttl: number | undefined;
  /** What was said last, used when there is no $TTL. */
  lastTtl: number | undefined;
  owner: WireName | undefined;
}

function readInto(
  records: ResourceRecord[],
  text: string,
  options: MasterFileOptions,
  state: State,
  depth: number,
): void {
  let { origin } = options;
  for (const { words, sameOwner, line } of entriesOf(text, options.file)) {
    const bad = (why: string) => new DnsWireError(`${options.file} line ${line}: ${why}`);
    try {
      const [first = '', second = '', third] = words;
      switch (first.toUpperCase()) {
        case '$ORIGIN':
          origin = absoluteName(second, origin);
          continue;
        case '$TTL':
          state.ttl = parseTtl(second);
          if (state.ttl === undefined) throw bad(`$TTL ${second} is no time`);
          continue;
        case '$INCLUDE': {
          if (options.include === undefined || depth >= MAX_INCLUDES)
            throw bad(`$INCLUDE ${second} is not possible here`);
          const part = options.include(second);
          const within = third === undefined ? origin : absoluteName(third, origin);
          readInto(records, part.text, { ...options, file: part.file, origin: within }, { ...state }, depth + 1);
          continue;
        }
        default:
          break;
      }
      if (first.startsWith('$')) throw bad(`${first} is not known`);
      if (sameOwner && state.owner === undefined) throw bad('the first record has no owner');
      const owner = sameOwner ? (state.owner as WireName) : absoluteName(first, origin);
      state.owner = owner;
      const rest = sameOwner ? words : words.slice(1);
      if (options.skip !== undefined && rest.some((w) => options.skip?.has(w.toUpperCase()) === true)) continue;
      // A record without TTL takes the last one; the first, the MINIMUM of its own SOA.
      const record = recordOfWords('@', rest, words.join(' '), { origin, ttl: state.ttl ?? state.lastTtl ?? -1 });
      const ttl = record.ttl >= 0 ? record.ttl : record.type === Type.SOA ? soaMinimum(record.rdata) : undefined;
      if (ttl === undefined) throw bad(`${formatName(owner)} ${typeName(record.type)} has no TTL: begin with $TTL`);
      records.push({ ...record, name: owner, ttl });
      state.lastTtl = ttl;
    } catch (error) {
      if (!(error instanceof DnsWireError) || error.message.startsWith(options.file)) throw error;
      throw bad(error.message);
    }
  }
}

/** The lines that say something, with those in parentheses put together. */
function* entriesOf(text: string, file: string): Generator<Entry> {
  const token = /\n|[ \t\r]+|;[^\n]*|"(?:[^"\\]|\\[^])*"|[()]|(?:[^\s"();\\]|\\[^\n])+|["\\]/gy;
  let words: string[] = [];
  let open = 0;
  let line = 1;
  let startLine = 1;
  let sameOwner = false;
  let atStart = true;
  const whole = (): Entry => ({ words, sameOwner, line: startLine });
  for (const [raw] of text.matchAll(token)) {
    if (raw === '\n') {
      line += 1;
      if (open > 0) continue;
      if (words.length > 0) yield whole();
      words = [];
      sameOwner = false;
      atStart = true;
      continue;
    }
    if (raw.startsWith(';')) continue;
    if (/^[ \t\r]/.test(raw)) {
      if (atStart && words.length === 0) sameOwner = true;
      atStart = false;
      continue;
    }
    atStart = false;
    if (raw === '"' || raw === '\\') throw new DnsWireError(`${file} line ${line}: a quote is not closed`);
    if (raw === '(') open += 1;
    else if (raw === ')') {
      open -= 1;
      if (open < 0) throw new DnsWireError(`${file} line ${line}: a parenthesis closes that was not opened`);
    } else {
      if (words.length === 0) startLine = line;
      words.push(raw);
      line += raw.split('\n').length - 1;
    }
  }
  if (open > 0) throw new DnsWireError(`${file} line ${startLine}: a parenthesis is not closed`);
  if (words.length > 0) yield whole();
}
