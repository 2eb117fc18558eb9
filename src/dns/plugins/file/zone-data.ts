// A zone as its records, and how a name is looked up in it: RFC 1034 §4.3.2 with wildcards (RFC 4592), delegations,
// DNAME (RFC 6672), empty non-terminals (RFC 8020). No waiting, no files.
import {
  Class,
  formatName,
  isBelow,
  lowerName,
  nameAt,
  numberAt,
  parentName,
  soaMinimum,
  Type,
  txtRdata,
} from '../../../dnswire/index.ts';
import type { ResourceRecord, WireName } from '../../../dnswire/index.ts';

type Node = Map<number, ResourceRecord[]>;

export interface ZoneData {
  readonly origin: WireName;
  readonly soa: ResourceRecord;
  readonly serial: number;
  /** By lower-case name; empty for names that only have others below them. */
  readonly nodes: ReadonlyMap<WireName, Node>;
}

export type Lookup =
  | {
      readonly kind: 'records';
      readonly answers: readonly ResourceRecord[];
      readonly additionals: readonly ResourceRecord[];
    }
  /** The last of the records is a CNAME whose target is to be asked next. */
  | { readonly kind: 'alias'; readonly answers: readonly ResourceRecord[] }
  | {
      readonly kind: 'delegation';
      readonly authorities: readonly ResourceRecord[];
      readonly additionals: readonly ResourceRecord[];
    }
  | { readonly kind: 'nodata' | 'nxdomain' };

export class ZoneDataError extends Error {
  override readonly name = 'ZoneDataError';
}

/** @throws ZoneDataError when these records are no zone of that origin */
export function zoneDataOf(records: readonly ResourceRecord[], origin: WireName): ZoneData {
  const nodes = new Map<WireName, Node>();
  const nodeOf = (name: WireName): Node => {
    let node = nodes.get(name);
    if (node === undefined) {
      nodes.set(name, (node = new Map()));
      if (name !== origin) nodeOf(parentName(name));
    }
    return node;
  };
  nodeOf(origin);
  for (const record of records) {
    const key = lowerName(record.name);
    if (!isBelow(key, origin))
      throw new ZoneDataError(`${formatName(record.name)} is not in zone ${formatName(origin)}`);
    const node = nodeOf(key);
    const set = node.get(record.type) ?? [];
    if (!set.some((other) => other.rdata === record.rdata)) node.set(record.type, [...set, record]);
  }
  for (const [name, node] of nodes)
    if (node.has(Type.CNAME) && node.size > 1)
      throw new ZoneDataError(`${formatName(name)} has a CNAME and other records (RFC 1034 §3.6.2)`);
  const [soa, second] = nodes.get(origin)?.get(Type.SOA) ?? [];
  if (soa === undefined || second !== undefined)
    throw new ZoneDataError(`zone ${formatName(origin)} needs one SOA record at ${formatName(origin)}`);
  return { origin, soa, serial: numberAt(soa.rdata, soa.rdata.length - 20, 4), nodes };
}

/** The SOA of a negative answer: its TTL is how long that may be kept (RFC 2308 §3). */
export function denialSoa({ soa }: ZoneData): ResourceRecord {
  return { ...soa, ttl: Math.min(soa.ttl, soaMinimum(soa.rdata)) };
}

/** @param name the question with the client's letters, @param key the same in lower case, in the zone. */
export function lookup(zone: ZoneData, name: WireName, key: WireName, type: number): Lookup {
  for (const at of namesBetween(zone.origin, key)) {
    const node = zone.nodes.get(at);
    const servers = at === zone.origin ? undefined : node?.get(Type.NS);
    // The parent holds the DS of a delegated zone (RFC 4035 §3.1.4.1).
    if (servers !== undefined && !(at === key && type === Type.DS))
      return {
        kind: 'delegation',
        authorities: [...servers, ...(node?.get(Type.DS) ?? [])],
        additionals: glueOf(zone, servers),
      };
    const [dname] = at === key ? [] : (node?.get(Type.DNAME) ?? []);
    if (dname !== undefined) return redirected(dname, name, at);
  }
  const node = zone.nodes.get(key);
  if (node !== undefined) return answerOf(zone, node, name, type);
  let encloser = parentName(key);
  while (!zone.nodes.has(encloser)) encloser = parentName(encloser);
  const wildcard = zone.nodes.get(`\x01*${encloser}` as WireName);
  return wildcard === undefined ? { kind: 'nxdomain' } : answerOf(zone, wildcard, name, type);
}

/** From the origin down to the name. */
function namesBetween(origin: WireName, key: WireName): WireName[] {
  const names: WireName[] = [];
  for (let at = key; ; at = parentName(at)) {
    names.push(at);
    if (at === origin) return names.toReversed();
  }
}

function answerOf(zone: ZoneData, node: Node, name: WireName, type: number): Lookup {
  const owned = (records: readonly ResourceRecord[]) => records.map((r) => ({ ...r, name }));
  const alias = node.get(Type.CNAME);
  if (alias !== undefined && type !== Type.CNAME && type !== Type.ANY)
    return { kind: 'alias', answers: owned(alias.slice(0, 1)) };
  if (type === Type.ANY && node.size > 0) {
    // RFC 8482 §4.2: one small record instead of all of them.
    const ttl = Math.min(...Array.from(node.values()).flatMap((set) => set.map((r) => r.ttl)));
    const hinfo = { name, type: Type.HINFO, class: Class.IN, ttl, rdata: txtRdata('RFC8482', '') };
    return { kind: 'records', answers: [hinfo], additionals: [] };
  }
  const found = node.get(type);
  if (found === undefined) return { kind: 'nodata' };
  return { kind: 'records', answers: owned(found), additionals: glueOf(zone, found) };
}

/** Where the names of hosts begin in record data. */
const HOST_AT: ReadonlyMap<number, number> = new Map([
  [Type.NS, 0],
  [Type.MX, 2],
  [Type.SRV, 6],
]);

/** Addresses of the hosts that these records name, as far as the zone has them. */
function glueOf(zone: ZoneData, records: readonly ResourceRecord[]): ResourceRecord[] {
  const hosts = new Set<WireName>();
  for (const { type, rdata } of records) {
    const at = HOST_AT.get(type);
    if (at !== undefined) hosts.add(lowerName(nameAt(rdata, at)));
  }
  return [...hosts].flatMap((host) => {
    const node = zone.nodes.get(host);
    return [...(node?.get(Type.A) ?? []), ...(node?.get(Type.AAAA) ?? [])];
  });
}

/** The part of the name below `at` moved below the DNAME's target, as a CNAME (RFC 6672 §3.1). */
function redirected(dname: ResourceRecord, name: WireName, at: WireName): Lookup {
  const target = `${name.slice(0, name.length - at.length)}${dname.rdata}` as WireName;
  if (target.length > 255) return { kind: 'nodata' };
  return {
    kind: 'alias',
    answers: [dname, { name, type: Type.CNAME, class: Class.IN, ttl: dname.ttl, rdata: target }],
  };
}
