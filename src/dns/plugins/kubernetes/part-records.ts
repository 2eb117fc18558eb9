// What sources give to a name, as the records of one answer.
import { Class, joinLabels, packAddress, srvRdata, txtRdata, Type } from '../../../dnswire/index.ts';
import type { ResourceRecord, WireName } from '../../../dnswire/index.ts';
import type { NameRecords } from './service-records.ts';

export interface PartQuestion {
  /** With the client's letters. */
  readonly name: WireName;
  readonly type: number;
  /** Lower case. */
  readonly zone: WireName;
  readonly ttl: number;
}

export interface PartRecords {
  readonly answers: ResourceRecord[];
  readonly additionals: ResourceRecord[];
}

const VERSION_TTL = 28800;

/** No answers: the name exists without such records. */
export function recordsOfParts(parts: readonly NameRecords[], question: PartQuestion): PartRecords {
  const { name, type, ttl } = question;
  const answers: ResourceRecord[] = [];
  const additionals: ResourceRecord[] = [];
  const add = (rdata: string, recordType = type, recordTtl = ttl) =>
    answers.push({ name, type: recordType, class: Class.IN, ttl: recordTtl, rdata });
  switch (type) {
    case Type.A:
    case Type.AAAA:
      for (const rdata of packedAddresses(parts, type)) add(rdata);
      break;
    case Type.SRV:
      for (const part of parts) addServices(part, question, answers, additionals);
      break;
    case Type.PTR: {
      const ofService = parts.filter((part) => part.ptrOfService);
      for (const part of ofService.length > 0 ? ofService : parts) if (part.ptr !== undefined) add(part.ptr);
      break;
    }
    case Type.TXT:
      for (const part of parts) if (part.text !== undefined) add(txtRdata(part.text), type, VERSION_TTL);
      break;
    case Type.ANY:
      // RFC 8482 §4.2: one small record instead of all of them.
      add(txtRdata('RFC8482', ''), Type.HINFO);
      break;
    default:
      break;
  }
  return { answers, additionals };
}

/** Address records of a host. */
export function glue(host: WireName, addresses: readonly string[], ttl: number): ResourceRecord[] {
  return addresses.flatMap((address) => {
    const packed = packAddress(address);
    if (packed === undefined) return [];
    return [{ name: host, type: packed.length === 4 ? Type.A : Type.AAAA, class: Class.IN, ttl, rdata: packed }];
  });
}

function addServices(
  part: NameRecords,
  { name, zone, ttl }: PartQuestion,
  answers: ResourceRecord[],
  additionals: ResourceRecord[],
): void {
  if (part.srvBase === undefined) return;
  const echo = name.slice(name.length - zone.length) as WireName;
  const base = `${part.srvBase.slice(0, -zone.length)}${echo}` as WireName;
  const count = part.srv.reduce((sum, g) => sum + g.targets.reduce((n, t) => n + t.addresses.length, 0), 0);
  const weight = Math.max(1, Math.floor(100 / count));
  const seen = new Set<string>();
  for (const group of part.srv)
    for (const target of group.targets) {
      const host = target.label === '' ? base : joinLabels([target.label], base);
      const rdata = srvRdata(0, weight, group.port, host);
      if (!seen.has(rdata)) answers.push({ name, type: Type.SRV, class: Class.IN, ttl, rdata });
      seen.add(rdata);
      for (const record of glue(host, target.addresses, ttl)) {
        const id = `${host}/${record.rdata}`;
        if (!seen.has(id)) additionals.push(record);
        seen.add(id);
      }
    }
}

/** Distinct packed addresses of the family of `type`, in the order of their parts. */
function packedAddresses(parts: readonly NameRecords[], type: number): string[] {
  const size = type === Type.A ? 4 : 16;
  const out = new Set<string>();
  for (const part of parts)
    for (const address of part.addresses) {
      const packed = packAddress(address);
      if (packed?.length === size) out.add(packed);
    }
  return [...out];
}
