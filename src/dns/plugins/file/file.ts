// Zones from master files (CoreDNS's `file`).
import { Class, Ede, isBelow, Rcode, ROOT } from '../../../dnswire/index.ts';
import type { ResourceRecord, WireName } from '../../../dnswire/index.ts';
import type { Clock } from '../../../clock/index.ts';
import type { Logger } from '../../../log/index.ts';
import type { Resolve } from '../../chain.ts';
import { emptyAnswer } from '../../plugin.ts';
import type { Answer, DnsPlugin, Query } from '../../plugin.ts';
import { followAlias } from '../follow-alias.ts';
import type { TransferSource } from '../transfer/transfer.ts';
import { denialSoa, lookup } from './zone-data.ts';
import type { ZoneData } from './zone-data.ts';
import { ZoneFile } from './zone-file.ts';

export interface FileZoneConfig {
  readonly file: string;
  /** The file is read once for each, as its origin. */
  readonly zones: readonly WireName[];
  /** How often the file is looked at; 0: never. */
  readonly reloadMs: number;
  /** Zones whose missing names go on to the next plugin; undefined: none. */
  readonly fallthrough?: readonly WireName[];
}

export interface FileDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly resolve: Resolve;
  /** A zone is there, or another one than before. */
  readonly onChange: (zone: ZoneData) => void;
}

export interface FilePlugin extends DnsPlugin, TransferSource {
  /** Looks at the files from now on. */
  start(): void;
}

interface Served {
  readonly source: ZoneFile;
  readonly fallthrough: readonly WireName[];
}

/** @throws DnsConfigError for a file that is no zone */
export function createFile(configs: readonly FileZoneConfig[], deps: FileDeps): FilePlugin {
  const served = configs
    .flatMap(({ file, zones, reloadMs, fallthrough = [] }) =>
      zones.map((origin): Served => ({ source: new ZoneFile({ ...deps, file, origin, reloadMs }), fallthrough })),
    )
    // The longest zone wins.
    .toSorted((a, b) => b.source.origin.length - a.source.origin.length);
  const find = (key: WireName) => served.find(({ source: { origin } }) => origin === ROOT || isBelow(key, origin));
  return {
    name: 'file',
    async handle(query, next) {
      const found = query.class === Class.IN ? find(query.key) : undefined;
      if (found === undefined) return next();
      const { zone } = found.source;
      if (zone === undefined)
        return emptyAnswer(Rcode.SERVFAIL, 'file', { code: Ede.NOT_READY, text: 'the zone file cannot be read' });
      return answerOf(zone, query, found.fallthrough, next, deps.resolve);
    },
    transferOf(key) {
      const zone = served.find(({ source }) => source.origin === key)?.source.zone;
      if (zone === undefined) return undefined;
      return { ready: true, serial: zone.serial, soa: () => zone.soa, records: () => wholeZone(zone) };
    },
    start: () => {
      for (const { source } of served) source.start();
    },
    stop: () => {
      for (const { source } of served) source.stop();
    },
  };
}

async function answerOf(
  zone: ZoneData,
  query: Query,
  fallthrough: readonly WireName[],
  next: () => Promise<Answer>,
  resolve: Resolve,
): Promise<Answer> {
  const found = lookup(zone, query.name, query.key, query.type);
  const empty = { ...emptyAnswer(Rcode.NOERROR, 'file'), authoritative: true };
  switch (found.kind) {
    case 'records':
      return { ...empty, answers: found.answers, additionals: found.additionals };
    case 'alias': {
      const cname = found.answers.at(-1) as ResourceRecord;
      const end = await followAlias(query, cname, resolve, 'file');
      return { ...end, answers: [...found.answers.slice(0, -1), ...end.answers], authoritative: true };
    }
    case 'delegation':
      return { ...empty, authoritative: false, authorities: found.authorities, additionals: found.additionals };
    case 'nodata':
      return { ...empty, authorities: [denialSoa(zone)] };
    case 'nxdomain':
      if (fallthrough.some((open) => open === ROOT || isBelow(query.key, open))) return next();
      return { ...empty, rcode: Rcode.NXDOMAIN, authorities: [denialSoa(zone)] };
  }
}

/** Everything between two SOA records. */
function wholeZone(zone: ZoneData): ResourceRecord[] {
  const rest = Array.from(zone.nodes.values(), (node) => [...node.values()].flat()).flat();
  return [zone.soa, ...rest.filter((record) => record !== zone.soa), zone.soa];
}
