// A query as a value, from the packet that was looked at: for everything that is not answered in the same turn.
import { asBuffer, decodeMessage, EdnsOption, findOption, Type } from '../../dnswire/index.ts';
import type { Edns, EdnsOptionValue, QueryView, WireName } from '../../dnswire/index.ts';
import type { Query, Transport } from '../plugin.ts';
import { serialOf } from '../plugins/transfer/transfer.ts';

/** @param maxSize of the reply, bytes */
export function queryOf(
  view: QueryView,
  packet: Uint8Array,
  length: number,
  transport: Transport,
  client: Query['client'],
  maxSize: number,
): Query {
  const name = asBuffer(packet).latin1Slice(12, 12 + view.nameLength) as WireName;
  const query = {
    name,
    key: view.key,
    type: view.type,
    class: view.class,
    flags: view.flags,
    transport,
    client,
    maxSize,
    depth: 0,
    ...(view.type === Type.IXFR ? ixfrSerial(packet, length) : {}),
  };
  if (!view.hasEdns) return query;
  const options: EdnsOptionValue[] = [];
  for (const code of [EdnsOption.NSID, EdnsOption.KEEPALIVE]) {
    const data = findOption(packet, view, code);
    if (data !== undefined) options.push({ code, data });
  }
  const edns: Edns = { udpSize: view.udpSize, version: 0, dnssecOk: view.dnssecOk, options };
  return { ...query, edns };
}

function ixfrSerial(packet: Uint8Array, length: number): { serial?: number } {
  try {
    const serial = serialOf(decodeMessage(packet.subarray(0, length)).authorities);
    return serial === undefined ? {} : { serial };
  } catch {
    return {};
  }
}
