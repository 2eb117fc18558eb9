// Questions over real sockets, answers read by another project's decoder (dns-packet), shown as zone-file text.
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { once } from 'node:events';
import dnsPacket from 'dns-packet';

/** An EDNS option with any code; the decoder's own types know only four. */
export interface RawOption {
  readonly code: number;
  readonly data: Buffer;
}

export interface ReplyOpt {
  readonly udpPayloadSize: number;
  readonly extendedRcode: number;
  readonly ednsVersion: number;
  readonly flag_do: boolean;
  readonly options: readonly RawOption[];
}

/** A reply as text: what a person would check. */
export interface Reply {
  readonly rcode: string;
  readonly flags: string[];
  readonly question: string;
  readonly answers: string[];
  readonly authorities: string[];
  /** Without OPT. */
  readonly additionals: string[];
  readonly opt: ReplyOpt | undefined;
  readonly size: number;
  readonly bytes: Buffer;
}

function show(answer: dnsPacket.Answer): string {
  const name = `${answer.name}.`.replace('..', '.');
  switch (answer.type) {
    case 'SRV': {
      const { priority = 0, weight = 0, port, target } = answer.data;
      return `${name} ${answer.ttl} SRV ${priority} ${weight} ${port} ${target}.`;
    }
    case 'SOA': {
      const { mname, rname, refresh = 0, retry = 0, expire = 0, minimum = 0 } = answer.data;
      return `${name} ${answer.ttl} SOA ${mname}. ${rname}. SERIAL ${refresh} ${retry} ${expire} ${minimum}`;
    }
    case 'TXT': {
      const parts = Array.isArray(answer.data) ? answer.data : [answer.data];
      return `${name} ${answer.ttl} TXT ${parts.map((p) => `"${p.toString()}"`).join(' ')}`;
    }
    case 'HINFO':
      return `${name} ${answer.ttl} HINFO "${answer.data.cpu}" "${answer.data.os}"`;
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return `${name} ${answer.ttl} ${answer.type} ${answer.data}.`;
    case 'A':
    case 'AAAA':
      return `${name} ${answer.ttl} ${answer.type} ${answer.data}`;
    default:
      return `${answer.name}. ${answer.type}`;
  }
}

interface DecodedFlags {
  flag_aa: boolean;
  flag_tc: boolean;
  flag_rd: boolean;
  flag_ra: boolean;
  flag_ad: boolean;
  flag_cd: boolean;
  rcode: string;
}

export function readReply(bytes: Buffer): Reply {
  const packet = dnsPacket.decode(bytes) as dnsPacket.DecodedPacket & DecodedFlags;
  const flag = (name: string, on: boolean) => (on ? [name] : []);
  const opt = (packet.additionals ?? []).find((a) => a.type === 'OPT') as unknown as ReplyOpt | undefined;
  const question = packet.questions?.[0];
  return {
    rcode: packet.rcode,
    flags: [
      ...flag('aa', packet.flag_aa),
      ...flag('tc', packet.flag_tc),
      ...flag('rd', packet.flag_rd),
      ...flag('ra', packet.flag_ra),
      ...flag('ad', packet.flag_ad),
      ...flag('cd', packet.flag_cd),
    ],
    question: question === undefined ? '' : `${question.name}. ${question.type}`,
    answers: (packet.answers ?? []).map(show),
    authorities: (packet.authorities ?? []).map(show),
    additionals: (packet.additionals ?? []).filter((a) => a.type !== 'OPT').map(show),
    opt,
    size: bytes.length,
    bytes,
  };
}

/** `NAME TYPE` as a query; by default without EDNS, as the C library asks. */
export function queryBytes(question: string, options: { id?: number; additionals?: dnsPacket.Answer[] } = {}): Buffer {
  const [name = '', type = 'A'] = question.split(' ');
  return dnsPacket.encode({
    type: 'query',
    id: options.id ?? 4711,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ name: name.replace(/\.$/, ''), type: type as dnsPacket.RecordType }],
    ...(options.additionals === undefined ? {} : { additionals: options.additionals }),
  });
}

export function opt(udpPayloadSize = 1232, options: readonly RawOption[] = []): dnsPacket.Answer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options,
  } as unknown as dnsPacket.OptAnswer;
}

/** Sends bytes by UDP; resolves with the reply, or undefined when there is none in `waitMs`. */
export async function sendUdp(port: number, bytes: Uint8Array, waitMs = 2000): Promise<Buffer | undefined> {
  const socket = createSocket('udp4');
  try {
    socket.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.send(bytes);
    const signal = AbortSignal.timeout(waitMs);
    const [reply] = (await once(socket, 'message', { signal })) as [Buffer];
    return reply;
  } catch (error) {
    if ((error as Error).name === 'AbortError') return undefined;
    throw error;
  } finally {
    socket.close();
  }
}

/** Sends framed messages on one connection and collects `count` replies. */
export function sendTcp(port: number, messages: readonly Uint8Array[], count = messages.length): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const replies: Buffer[] = [];
    let rest: Buffer = Buffer.alloc(0);
    socket.setTimeout(5000, () => socket.destroy(new Error(`only ${replies.length} of ${count} replies`)));
    socket.on('error', reject);
    socket.on('close', () => resolve(replies));
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0);
        replies.push(rest.subarray(2, end));
        rest = rest.subarray(end);
      }
      if (replies.length >= count) socket.end();
    });
    for (const message of messages) {
      const head = Buffer.alloc(2);
      head.writeUInt16BE(message.length);
      socket.write(Buffer.concat([head, message]));
    }
  });
}

export async function askUdp(port: number, question: string, additionals: dnsPacket.Answer[] = []): Promise<Reply> {
  const reply = await sendUdp(port, queryBytes(question, { additionals }));
  if (reply === undefined) throw new Error(`no reply to ${question} by UDP`);
  return readReply(reply);
}

export async function askTcp(port: number, question: string, additionals: dnsPacket.Answer[] = []): Promise<Reply> {
  const [reply] = await sendTcp(port, [queryBytes(question, { additionals })]);
  if (reply === undefined) throw new Error(`no reply to ${question} by TCP`);
  return readReply(reply);
}
