// From an answer (a value) to the bytes for one client: flags, letters, EDNS options, size.
import { DnsWireError, EdnsOption, encodeMessage, Flag, Type } from '../../dnswire/index.ts';
import type { EdnsOptionValue, ResourceRecord } from '../../dnswire/index.ts';
import type { Answer, Query } from '../plugin.ts';
import { answerCookie } from './cookies.ts';

/** What replies say of the server. */
export interface ReplySettings {
  /** Largest UDP reply, also advertised. 1232 passes every path unfragmented (DNS flag day 2020). */
  readonly maxUdpSize: number;
  /** Some block forwards, so recursion is available. */
  readonly recursion: boolean;
  /** Text for NSID. */
  readonly serverId: string;
  readonly cookieSecret: Uint8Array;
}

/** Seconds a TCP connection may idle, told to clients that ask (RFC 7828), in units of 100 ms. */
export const KEEPALIVE: EdnsOptionValue = { code: EdnsOption.KEEPALIVE, data: '\0\x64' };

/** Text as the bytes of its UTF-8 form, one a character. */
const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

export const nsidOption = (serverId: string): EdnsOptionValue => ({ code: EdnsOption.NSID, data: latin1(serverId) });

/** Extended DNS Error (RFC 8914). */
export function errorOption(code: number, text: string): EdnsOptionValue {
  return { code: EdnsOption.EDE, data: String.fromCharCode(code >> 8, code & 255) + latin1(text).slice(0, 200) };
}

export function flagsOf(answer: Answer, query: Query, recursion: boolean): number {
  const flags =
    Flag.QR |
    (query.flags & (Flag.RD | Flag.CD)) |
    (answer.authoritative ? Flag.AA : 0) |
    (answer.truncated === true ? Flag.TC : 0) |
    (recursion ? Flag.RA : 0) |
    // RFC 6840 §5.7: AD goes to those who ask with AD or DO.
    (answer.authenticated === true && (query.edns?.dnssecOk === true || (query.flags & Flag.AD) !== 0) ? Flag.AD : 0);
  return answer.header === undefined ? flags : (flags & ~answer.header.clear) | answer.header.set;
}

/** @param cookie the client's COOKIE option, if there was one */
export function encodeAnswer(
  answer: Answer,
  query: Query,
  id: number,
  cookie: string | undefined,
  settings: ReplySettings,
  nowMs: number,
): Buffer {
  const message = {
    id,
    flags: flagsOf(answer, query, settings.recursion),
    rcode: answer.rcode,
    questions: [{ name: query.name, type: query.type, class: query.class }],
    answers: query.name === query.key ? answer.answers : answer.answers.map((r) => echoCase(r, query)),
    authorities: answer.authorities,
    additionals: answer.additionals,
  };
  const asked = query.edns;
  if (asked === undefined) return encodeMessage(message, query.maxSize);
  const options: EdnsOptionValue[] = [];
  if (cookie !== undefined) {
    const data = answerCookie(cookie, query.client.address, settings.cookieSecret, nowMs);
    options.push({ code: EdnsOption.COOKIE, data });
  }
  for (const option of asked.options) {
    if (option.code === EdnsOption.NSID) options.push(nsidOption(settings.serverId));
    if (option.code === EdnsOption.KEEPALIVE && query.transport === 'tcp') options.push(KEEPALIVE);
  }
  const edns = { udpSize: settings.maxUdpSize, version: 0, dnssecOk: asked.dnssecOk, options };
  if (answer.error !== undefined) {
    const reason = errorOption(answer.error.code, answer.error.text);
    try {
      const bytes = encodeMessage({ ...message, edns: { ...edns, options: [...options, reason] } }, query.maxSize);
      // Records go before reasons.
      if (((bytes[2] as number) & (Flag.TC >> 8)) === 0) return bytes;
    } catch (error) {
      if (!(error instanceof DnsWireError)) throw error;
    }
  }
  return encodeMessage({ ...message, edns }, query.maxSize);
}

/** Owners that are the question get the client's letters, as some resolvers compare bytes. */
function echoCase(record: ResourceRecord, query: Query): ResourceRecord {
  return record.name === query.key ? { ...record, name: query.name } : record;
}

const RECORDS_A_MESSAGE = 400;

/** One message; a zone transfer may need several. */
export function messagesOf(answer: Answer, query: Query): Answer[] {
  const isTransfer = query.transport === 'tcp' && (query.type === Type.AXFR || query.type === Type.IXFR);
  if (!isTransfer || answer.answers.length <= RECORDS_A_MESSAGE) return [answer];
  const out: Answer[] = [];
  for (let i = 0; i < answer.answers.length; i += RECORDS_A_MESSAGE)
    out.push({ ...answer, answers: answer.answers.slice(i, i + RECORDS_A_MESSAGE) });
  return out;
}
