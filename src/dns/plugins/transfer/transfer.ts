// Zone transfer (AXFR, and IXFR as far as "nothing has changed"): for those the configuration allows, over TCP.
import { Class, Ede, isBelow, numberAt, Rcode, ROOT, Type } from '../../../dnswire/index.ts';
import type { ResourceRecord, WireName } from '../../../dnswire/index.ts';
import { networkContains } from '../../networks.ts';
import { emptyAnswer } from '../../plugin.ts';
import type { Answer, DnsPlugin, Query } from '../../plugin.ts';

export interface TransferRule {
  readonly zones: readonly WireName[];
  /** Networks, `*`, or addresses; those may have a port, and are told of changes (NOTIFY). */
  readonly to: readonly string[];
}

export interface TransferZone {
  /** False: not complete yet. */
  readonly ready: boolean;
  readonly serial: number;
  /** @param owner the zone, in the letters to be sent */
  soa(owner: WireName): ResourceRecord;
  /** The whole zone between two SOA records. */
  records(owner: WireName): readonly ResourceRecord[];
}

/** A plugin with zones that can be transferred. */
export interface TransferSource {
  /** Undefined: no zone of this plugin. */
  transferOf(key: WireName): TransferZone | undefined;
}

/** `10.0.0.1:5353` and `[fd00::1]:53` without the port. */
const withoutPort = (to: string): string => /^\[(.+)\]:\d+$/.exec(to)?.[1] ?? /^([\d.]+):\d+$/.exec(to)?.[1] ?? to;

/** Whom a zone may go to, by the rule with the longest zone that holds it. */
export function allowedFor(rules: readonly TransferRule[], key: WireName): readonly string[] {
  let best: readonly string[] = [];
  let longest = -1;
  for (const { zones, to } of rules)
    for (const zone of zones)
      if (zone.length >= longest && (zone === ROOT || isBelow(key, zone))) {
        best = zone.length === longest ? [...best, ...to] : to;
        longest = zone.length;
      }
  return best;
}

export function createTransfer(sources: readonly TransferSource[], rules: readonly TransferRule[]): DnsPlugin {
  const isTransfer = (type: number) => type === Type.AXFR || type === Type.IXFR;
  const handle = (query: Query): Answer => {
    const refuse = (code: number, text: string) => emptyAnswer(Rcode.REFUSED, 'transfer', { code, text });
    const zone = sources.map((source) => source.transferOf(query.key)).find((found) => found !== undefined);
    if (zone === undefined) return refuse(Ede.NOT_AUTHORITATIVE, 'not a zone of this server');
    const { address } = query.client;
    if (!allowedFor(rules, query.key).some((network) => networkContains(withoutPort(network), address)))
      return refuse(Ede.PROHIBITED, 'zone transfers are not allowed from here');
    if (query.transport !== 'tcp') return refuse(Ede.NOT_SUPPORTED, 'zone transfers go over TCP');
    if (!zone.ready)
      return emptyAnswer(Rcode.SERVFAIL, 'transfer', { code: Ede.NOT_READY, text: 'the zone is not complete yet' });
    const isCurrent = query.type === Type.IXFR && query.serial === zone.serial;
    const answers = isCurrent ? [zone.soa(query.name)] : zone.records(query.name);
    return { ...emptyAnswer(Rcode.NOERROR, 'transfer'), authoritative: true, answers };
  };
  return {
    name: 'transfer',
    concerns: (_key, type) => isTransfer(type),
    handle: (query, next) => (isTransfer(query.type) ? Promise.resolve(handle(query)) : next()),
  };
}

/** The serial of the SOA that an IXFR carries in its authority section. */
export function serialOf(records: readonly ResourceRecord[]): number | undefined {
  const soa = records.find((r) => r.type === Type.SOA && r.class === Class.IN);
  return soa === undefined ? undefined : numberAt(soa.rdata, soa.rdata.length - 20, 4);
}
