// Why a client gets the answer it gets: the search path it walks, and for each name the objects that gave the answer or
// the part that is missing. Reads the API once; asks a server too when told to, and says whether the two agree.
import { endpointSlices, isNotFound, namespaces, pods, services } from '../api/objects.ts';
import type { Pod } from '../api/objects.ts';
import type { Client, ListResult } from '../client/index.ts';
import { systemClock } from '../clock/index.ts';
import {
  countLabels,
  EdnsOption,
  formatName,
  formatRecord,
  lowerName,
  parseName,
  parseType,
} from '../dnswire/index.ts';
import { Rcode, rcodeName, ROOT, Type } from '../dnswire/index.ts';
import type { ResourceRecord, WireName } from '../dnswire/index.ts';
import { defaultKubernetes, DnsConfigError } from './config/config.ts';
import type { KubernetesConfig } from './config/config.ts';
import type { SearchPath } from './config/resolv-conf.ts';
import { createRecords } from './plugins/kubernetes/cluster.ts';
import type { ClusterZone } from './plugins/kubernetes/cluster-zone.ts';
import { namespaceOf, podOf, serviceOf, sliceOf } from './plugins/kubernetes/dns-objects.ts';
import { explainMiss } from './plugins/kubernetes/explain-miss.ts';
import { queryDns, QueryDnsError } from './query-dns.ts';

export interface ExplainOptions {
  readonly client: Client;
  /** As a program in the pod would give it: relative names walk the search path. */
  readonly name: string;
  /** Default A. */
  readonly type?: string;
  /** `namespace/pod`: whose search path to walk; undefined: the name is taken as complete. */
  readonly from?: string;
  /** The asker's resolv.conf, where it can be read; undefined: what follows from the pod alone. */
  readonly resolver?: SearchPath;
  readonly kubernetes?: KubernetesConfig;
  /** A server to ask as well; `netns`: from inside this network namespace. */
  readonly server?: {
    readonly address: string;
    readonly port?: number;
    readonly netns?: string;
    readonly transport?: 'auto' | 'udp' | 'tcp';
  };
}

export interface ExplainStep {
  readonly name: string;
  /** What this server's rules give; undefined for names that are forwarded. */
  readonly rcode: string | undefined;
  readonly records: readonly string[];
  readonly reason: string;
  /** `Service default/web (resourceVersion 17)` */
  readonly objects: readonly string[];
  readonly asked?: {
    readonly rcode: string;
    readonly records: readonly string[];
    readonly durationMs: number;
    /** Extended DNS Error of the server. */
    readonly reason: string;
    /** Same records as computed here; undefined for forwarded names. */
    readonly agrees: boolean | undefined;
    readonly transport: 'udp' | 'tcp';
  };
  /** Why the server gave no reply. */
  readonly askFailed?: string;
}

export interface Explanation {
  readonly search: readonly string[];
  readonly ndots: number;
  readonly steps: readonly ExplainStep[];
  /** The step that the client takes, if any has records. */
  readonly answer: ExplainStep | undefined;
}

/** @throws DnsConfigError for a name or type that is none, and when the pod does not exist. */
export async function explainDns(options: ExplainOptions): Promise<Explanation> {
  const type = parseType(options.type ?? 'A');
  if (type === undefined) throw new DnsConfigError(`"${options.type ?? ''}" is no record type`);
  const config = options.kubernetes ?? defaultKubernetes();
  const zone = await readZone(options.client, config);
  const path = await searchPath(options, config);
  const steps: ExplainStep[] = [];
  let { server } = options;
  for (const name of namesToTry(options.name, path)) {
    let step = explainName(zone, name, type);
    if (server !== undefined)
      try {
        step = { ...step, asked: await ask(server, name, options.type, step) };
      } catch (error) {
        if (!(error instanceof QueryDnsError)) throw error;
        // A resolver would wait here as well; once is enough to know.
        step = { ...step, askFailed: error.message };
        server = undefined;
      }
    steps.push(step);
    if (hasRecords(step)) return { ...path, steps, answer: step };
  }
  return { ...path, steps, answer: undefined };
}

const hasRecords = (step: ExplainStep): boolean =>
  step.records.length > 0 || (step.asked !== undefined && step.asked.records.length > 0);

async function readZone(client: Client, config: KubernetesConfig): Promise<ClusterZone> {
  const { records, zone } = createRecords(config, {
    clock: systemClock,
    onProgrammed: () => undefined,
    synced: () => true,
  });
  const selector = config.labelSelector === undefined ? {} : { labelSelector: config.labelSelector };
  const all = async <T>(list: (page: { continue?: string }) => Promise<ListResult<T>>, each: (item: T) => void) => {
    let more: string | undefined;
    do {
      const page = await list(more === undefined ? {} : { continue: more });
      page.items.forEach(each);
      more = page.continue;
    } while (more !== undefined);
  };
  const keyOf = (o: { namespace: string; name: string }) => `${o.namespace}/${o.name}`;
  await Promise.all([
    all(
      (page) => client.resource(namespaces).list({ limit: 500, ...page }),
      (item) => records.namespace(item.metadata.name, namespaceOf(item)),
    ),
    all(
      (page) => client.resource(services).list({ limit: 500, ...selector, ...page }),
      (item) => records.service(keyOf(serviceOf(item)), undefined, serviceOf(item)),
    ),
    all(
      (page) => client.resource(endpointSlices).list({ limit: 500, ...selector, ...page }),
      (item) => {
        const slice = sliceOf(item, { withPods: config.endpointPodNames, withZones: config.zonal });
        records.slice(keyOf(slice), undefined, slice);
      },
    ),
    config.pods === 'verified'
      ? all(
          (page) => client.resource(pods).list({ limit: 500, ...page }),
          (item) => records.pod('', undefined, podOf(item)),
        )
      : undefined,
  ]);
  records.commit();
  return zone;
}

async function searchPath(options: ExplainOptions, config: KubernetesConfig): Promise<SearchPath> {
  if (options.resolver !== undefined) return options.resolver;
  if (options.from === undefined) return { search: [], ndots: 1 };
  const [namespace = '', name = ''] = options.from.includes('/') ? options.from.split('/') : ['default', options.from];
  let pod: Pod;
  try {
    pod = await options.client.resource(pods).get(name, namespace);
  } catch (error) {
    if (isNotFound(error)) throw new DnsConfigError(`no pod ${name} in namespace ${namespace}`, { cause: error });
    throw error;
  }
  return searchPathOf(pod, config.zones[0] ?? ROOT);
}

/** What the kubelet writes into the pod's resolv.conf, as far as it follows from the pod. */
export function searchPathOf(pod: Pod, zone: WireName): SearchPath {
  const { spec, metadata } = pod;
  const policy = spec?.dnsPolicy ?? 'ClusterFirst';
  const cluster = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && spec?.hostNetwork !== true);
  const domain = formatName(zone);
  const base = cluster ? [`${metadata.namespace ?? 'default'}.svc.${domain}`, `svc.${domain}`, domain] : [];
  const own = spec?.dnsConfig;
  const ndots = own?.options?.find((o) => o.name === 'ndots')?.value;
  return {
    search: [...base, ...(own?.searches ?? [])],
    ndots: ndots === undefined ? (cluster ? 5 : 1) : Number(ndots),
  };
}

/** The names that a resolver asks for, in its order. */
export function namesToTry(name: string, path: SearchPath): string[] {
  if (name.endsWith('.')) return [name];
  const dots = countLabels(parseName(name)) - 1;
  const below = path.search.map((suffix) => (suffix === '.' ? `${name}.` : `${name}.${suffix.replace(/\.$/, '')}.`));
  const complete = `${name}.`;
  return dots >= path.ndots ? [complete, ...below] : [...below, complete];
}

function explainName(zone: ClusterZone, name: string, type: number, depth = 0): ExplainStep {
  const wire = parseName(name);
  const key = lowerName(wire);
  const found = zone.answer(wire, key, type);
  const text = (records: readonly ResourceRecord[]) => records.map(formatRecord);
  const base = { name: formatName(wire), objects: objectsOf(zone, key) };
  switch (found.kind) {
    case 'pass':
      return {
        ...base,
        rcode: undefined,
        records: [],
        reason: 'not a name of the cluster: forwarded to the upstream servers',
      };
    case 'records':
      return { ...base, rcode: 'NOERROR', records: text(found.answers), reason: hitReason(zone, key) };
    case 'alias': {
      const target = depth > 8 ? undefined : explainName(zone, formatName(found.target), type, depth + 1);
      return {
        ...base,
        rcode: target?.rcode ?? 'NOERROR',
        records: [formatRecord(found.cname), ...(target?.records ?? [])],
        reason: `ExternalName ${formatName(found.target)}: ${target?.reason ?? 'the chain of aliases is too long'}`,
      };
    }
    default: {
      const rcode = rcodeName(found.kind === 'nxdomain' ? Rcode.NXDOMAIN : Rcode.NOERROR);
      return { ...base, rcode, records: [], reason: explainMiss(zone, key, type)?.text ?? 'no such record' };
    }
  }
}

function hitReason(zone: ClusterZone, key: WireName): string {
  const entry = zone.options.index.find(key);
  const service = entry?.sources[0]?.service;
  if (service === undefined) {
    const podName = zone.options.zones.some((z) => key.endsWith(`\x03pod${z}`));
    return podName ? `made from the address in the name (pods ${zone.options.pods})` : 'a record of the zone itself';
  }
  const id = `${service.namespace}/${service.name}`;
  if (service.type === 'Headless') return `ready endpoints of the headless service ${id}`;
  return `service ${id} of type ${service.type}`;
}

function objectsOf(zone: ClusterZone, key: WireName): string[] {
  return (zone.options.index.find(key)?.sources ?? []).flatMap(({ service, slices }) => {
    if (service === undefined) return [];
    const own = `Service ${service.namespace}/${service.name} (resourceVersion ${service.revision})`;
    const parts = Array.from(slices.values(), (slice) => {
      const ready = slice.endpoints.addresses.length;
      return `EndpointSlice ${slice.namespace}/${slice.name} (resourceVersion ${slice.revision}): ${ready} ready, ${slice.notReady} not ready`;
    });
    return [own, ...parts];
  });
}

async function ask(
  server: NonNullable<ExplainOptions['server']>,
  name: string,
  type: string | undefined,
  own: ExplainStep,
): Promise<NonNullable<ExplainStep['asked']>> {
  const { address, ...how } = server;
  const { message, durationMs, transport } = await queryDns({
    server: address,
    name,
    ...how,
    ...(type === undefined ? {} : { type }),
  });
  const records = message.answers.map(formatRecord);
  const error = message.edns?.options.find((o) => o.code === EdnsOption.EDE)?.data.slice(2) ?? '';
  const withoutTtl = (texts: readonly string[]) =>
    texts.map((t) => t.replace(/^(\S+) \d+ /, '$1 ').toLowerCase()).toSorted();
  const comparable = own.rcode !== undefined && !message.answers.some((r) => r.type === Type.CNAME);
  const same = JSON.stringify(withoutTtl(records)) === JSON.stringify(withoutTtl(own.records));
  return {
    rcode: rcodeName(message.rcode),
    records,
    durationMs,
    transport,
    reason: Buffer.from(error, 'latin1').toString('utf8'),
    agrees: comparable ? same && rcodeName(message.rcode) === own.rcode : undefined,
  };
}
