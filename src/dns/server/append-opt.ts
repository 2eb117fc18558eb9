// The OPT record behind a prepared reply, with as many options as fit.
import { asBuffer, EdnsOption, findOption, optRecord, Rcode } from '../../dnswire/index.ts';
import type { EdnsOptionValue, QueryView } from '../../dnswire/index.ts';
import type { AnswerError, Transport } from '../plugin.ts';
import { answerCookie } from './cookies.ts';
import { errorOption, KEEPALIVE, nsidOption } from './encode-answer.ts';
import type { ReplySettings } from './encode-answer.ts';

const OPT_HEADER = 11;
const OPTION_HEADER = 4;
const COOKIE_LENGTH = 24;

/** Bytes that a prepared reply must leave free. */
export function reservedForOpt(view: QueryView, cookie: string | undefined): number {
  if (!view.hasEdns) return 0;
  return OPT_HEADER + (cookie === undefined ? 0 : OPTION_HEADER + COOKIE_LENGTH);
}

export interface OptRequest {
  readonly view: QueryView;
  readonly packet: Uint8Array;
  readonly cookie: string | undefined;
  readonly transport: Transport;
  readonly clientAddress: () => string;
  /** Why there are no records; asked for only when there is room. */
  readonly reason: () => AnswerError | undefined;
}

/** Returns the new length of the reply in `out`, at most `limit`. */
export function appendOpt(
  out: Buffer,
  size: number,
  limit: number,
  request: OptRequest,
  settings: ReplySettings,
  nowMs: number,
): number {
  const { view, packet, cookie } = request;
  const options: EdnsOptionValue[] = [];
  let left = limit - size - OPT_HEADER;
  const add = (option: EdnsOptionValue) => {
    if (left < OPTION_HEADER + option.data.length) return;
    options.push(option);
    left -= OPTION_HEADER + option.data.length;
  };
  if (cookie !== undefined) {
    const data = answerCookie(cookie, request.clientAddress(), settings.cookieSecret, nowMs);
    add({ code: EdnsOption.COOKIE, data });
  }
  if (view.optionsLength > 0) {
    if (findOption(packet, view, EdnsOption.NSID) !== undefined) add(nsidOption(settings.serverId));
    if (request.transport === 'tcp' && findOption(packet, view, EdnsOption.KEEPALIVE) !== undefined) add(KEEPALIVE);
  }
  const reason = request.reason();
  if (reason !== undefined) add(errorOption(reason.code, reason.text));
  const edns = { udpSize: settings.maxUdpSize, version: 0, dnssecOk: view.dnssecOk, options };
  const opt = optRecord(edns, Rcode.NOERROR);
  asBuffer(out).latin1Write(opt, size);
  const additionals = (((out[10] as number) << 8) | (out[11] as number)) + 1;
  out[10] = additionals >> 8;
  out[11] = additionals & 255;
  return size + opt.length;
}
