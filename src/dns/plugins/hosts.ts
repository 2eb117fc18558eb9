// Fixed addresses for names, in /etc/hosts format, from a file that is read again when it changes and from the
// configuration itself.
import { readFileSync, statSync } from 'node:fs';
import {
  Class,
  Ede,
  formatAddress,
  isBelow,
  lowerName,
  packAddress,
  parseName,
  Rcode,
  reverseName,
  ROOT,
  Type,
} from '../../dnswire/index.ts';
import type { ResourceRecord, WireName } from '../../dnswire/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Logger } from '../../log/index.ts';
import { Gauge } from '../../metrics/index.ts';
import type { Registry } from '../../metrics/index.ts';
import type { HostsConfig } from '../config/config.ts';
import { emptyAnswer } from '../plugin.ts';
import type { Answer, DnsPlugin, Query } from '../plugin.ts';

export interface HostsTable {
  /** Packed addresses by lower-case name. */
  readonly addresses: ReadonlyMap<WireName, readonly string[]>;
  readonly names: ReadonlyMap<WireName, readonly WireName[]>;
}

/** Lines of `ADDRESS NAME…`; what cannot be read is skipped, as everywhere this format is used. */
export function parseHosts(text: string): HostsTable {
  const addresses = new Map<WireName, string[]>();
  const names = new Map<WireName, WireName[]>();
  const add = <V>(map: Map<WireName, V[]>, key: WireName, value: V) => {
    const list = map.get(key);
    if (list === undefined) map.set(key, [value]);
    else if (!list.includes(value)) list.push(value);
  };
  for (const line of text.split('\n')) {
    const [address = '', ...hosts] = line.replace(/#.*/, '').trim().split(/\s+/);
    const packed = packAddress(address);
    if (packed === undefined) continue;
    for (const host of hosts) {
      try {
        const name = lowerName(parseName(host));
        add(addresses, name, packed);
        add(names, reverseName(packed), name);
      } catch {
        continue;
      }
    }
  }
  return { addresses, names };
}

const LOOK_AGAIN_MS = 5000;

export class HostsMetrics {
  readonly entries: Gauge;
  readonly reloaded: Gauge;

  constructor(registry: Registry) {
    this.entries = registry.register(new Gauge('coredns_hosts_entries', 'Addresses in hosts files and lines.'));
    this.reloaded = registry.register(
      new Gauge('coredns_hosts_reload_timestamp_seconds', 'When the hosts were read last, Unix time.'),
    );
  }
}

export interface HostsDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly hostsMetrics: HostsMetrics;
}

export function createHosts(config: HostsConfig, deps: HostsDeps): DnsPlugin {
  let read: { at: number; version: string; table: HostsTable } | undefined;
  const version = (): string => {
    if (config.file === undefined) return '';
    try {
      const { mtimeMs, size, ino } = statSync(config.file);
      return `${mtimeMs}/${size}/${ino}`;
    } catch {
      return 'missing';
    }
  };
  const load = (): HostsTable => {
    let text = '';
    if (config.file !== undefined)
      try {
        text = readFileSync(config.file, 'utf8');
      } catch (error) {
        deps.log.warn('hosts: the file cannot be read; only the entries of the configuration are used', { error });
      }
    const read = parseHosts(`${text}\n${config.inline.join('\n')}`);
    deps.hostsMetrics.entries.set([...read.addresses.values()].reduce((n, list) => n + list.length, 0));
    deps.hostsMetrics.reloaded.set(deps.clock.now() / 1000);
    return read;
  };
  const table = (): HostsTable => {
    const now = deps.clock.monotonic();
    if (read !== undefined && now - read.at < LOOK_AGAIN_MS) return read.table;
    const current = version();
    read = { at: now, version: current, table: read?.version === current ? read.table : load() };
    return read.table;
  };
  const { ttlSeconds: ttl } = config;
  const passes = (key: WireName) => config.fallthrough?.some((z) => z === ROOT || isBelow(key, z)) === true;
  const answer = (answers: ResourceRecord[]): Answer => ({
    ...emptyAnswer(Rcode.NOERROR, 'hosts'),
    authoritative: true,
    answers,
  });
  return {
    name: 'hosts',
    concerns: (key) => table().addresses.has(key) || (config.reverse && table().names.has(key)) || !passes(key),
    handle(query: Query, next) {
      const { addresses, names } = table();
      const record = (type: number, rdata: string) => ({ name: query.name, type, class: Class.IN, ttl, rdata });
      if (query.type === Type.PTR && config.reverse) {
        const found = names.get(query.key);
        if (found !== undefined) return Promise.resolve(answer(found.map((name) => record(Type.PTR, name))));
      }
      const known = addresses.get(query.key);
      if (known !== undefined && (query.type === Type.A || query.type === Type.AAAA)) {
        const size = query.type === Type.A ? 4 : 16;
        query.trace?.push(`hosts: ${known.map(formatAddress).join(', ')}`);
        return Promise.resolve(answer(known.filter((a) => a.length === size).map((a) => record(query.type, a))));
      }
      if (passes(query.key)) return next();
      const error = { code: Ede.OTHER, text: 'the name is not in the hosts table' };
      return Promise.resolve({
        ...emptyAnswer(known === undefined ? Rcode.NXDOMAIN : Rcode.NOERROR, 'hosts', error),
        authoritative: true,
      });
    },
  };
}
