// A host becomes a node: trust in the authority by its hash, a client certificate by a token, the Node object, a
// serving certificate. After that the host needs no token: it renews what it has.
import { isDeepStrictEqual } from 'node:util';

import { AGENT_SETTINGS, configMaps, isNotFound, isUnauthorized, nodes, type Node } from '../api/objects.ts';
import { createClient, followServers, isConnectionError, type Client, type ClientConfig } from '../client/index.ts';
import { systemClock, type Clock } from '../clock/index.ts';
import { UserError } from '../errors/index.ts';
import type { Logger } from '../log/index.ts';
import { certificateValidity, commonNameUnder, generateKeyPem, type CertificateAndKey } from '../pki/index.ts';
import { discoverAuthority, unreachable } from './discover-authority.ts';
import { hostFiles, type HostFiles, type JoinRecord, type Purpose } from './host-files.ts';
import { startRenewal, type Renewal } from './renewal.ts';
import { RequestDenied, requestCertificate } from './request-certificate.ts';
import type { ClusterSettings } from './settings.ts';

export interface JoinOptions {
  /** Where the host keeps its identity. */
  readonly dir: string;
  /** URLs of one or more servers; needed for the first time only, as are token and hash. The rest is learned. */
  readonly servers: readonly string[];
  readonly token?: string;
  readonly caHash?: string;
  readonly nodeName: string;
  /** Absent: the address by which the host reaches the server. */
  readonly nodeIps: readonly string[];
  readonly log: Logger;
  readonly clock?: Clock;
  /** @default 60000 */
  readonly timeoutMs?: number;
  /** Wished life of the certificates; the signer has the last word. */
  readonly certificateSeconds?: number;
  readonly random?: () => number;
}

export interface JoinedHost {
  readonly nodeName: string;
  readonly nodeIps: readonly string[];
  readonly settings: ClusterSettings;
  readonly clientConfig: ClientConfig;
  readonly caPem: string;
  serving(): CertificateAndKey;
  readonly server: string;
  /** Called with each new serving certificate. */
  onServing(use: (pair: CertificateAndKey) => void): void;
  /** The node has other addresses: its serving certificate follows. */
  addressesChanged(ips: readonly string[]): void;
  /** The host is no longer a node: key, certificates and record go. */
  forget(): void;
  stop(): void;
}

const TOKEN = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;

/** @throws UserError: one sentence on what is wrong and what to do */
export async function joinCluster(options: JoinOptions): Promise<JoinedHost> {
  const clock = options.clock ?? systemClock;
  const files = hostFiles(options.dir);
  const known = files.record();
  const first = known === undefined || files.pair('client') === undefined || files.pair('serving') === undefined;
  const record = first ? await firstJoin(options, files, clock) : withServers(known, options.servers);
  if (record.nodeName !== options.nodeName) {
    throw new UserError(
      `this host joined as ${record.nodeName}, not as ${options.nodeName}: leave --node-name away, or remove ` +
        `${record.nodeName} with 'portico node remove' and delete ${options.dir} to join anew`,
    );
  }
  const client = files.pair('client');
  if (client !== undefined && certificateValidity(client.certPem).notAfter.getTime() < clock.now()) {
    throw new UserError(
      `the certificate of this host ended on ${certificateValidity(client.certPem).notAfter.toISOString()}: remove ` +
        `node ${record.nodeName} with 'portico node remove', delete ${options.dir}, and join with a new token`,
    );
  }
  return runningHost(options, files, record, clock);
}

const MOST_SERVERS = 16;

/** The record with these servers in front; those known before stay as a last resort. */
function withServers(record: JoinRecord, servers: readonly string[]): JoinRecord {
  const all = [...new Set([...servers, record.server, ...(record.others ?? [])])].slice(0, MOST_SERVERS);
  const [server = record.server, ...others] = all;
  return { ...record, server, others };
}

/** What an agent that restarts may use without asking anybody. */
function runningHost(options: JoinOptions, files: HostFiles, start: JoinRecord, clock: Clock): JoinedHost {
  let record = start;
  const keep = (next: JoinRecord) => {
    if (isDeepStrictEqual(next, record)) return;
    record = next;
    files.keepRecord(record);
  };
  const users: ((pair: CertificateAndKey) => void)[] = [];
  // Read once: the client is asked before each of its requests.
  const pairs = { client: pairOf(files, 'client'), serving: pairOf(files, 'serving') };
  const clientConfig: ClientConfig = {
    ...nodeConfig(record, () => pairs.client),
    others: () => record.others ?? [],
    onServer: (server) => options.log.warn('an API server does not answer: going on with another', { server }),
  };
  const api = createClient(clientConfig);
  let ips = options.nodeIps.length > 0 ? options.nodeIps : record.nodeIps;
  const renew = async (purpose: Purpose) => {
    if (purpose === 'serving') await ensureNode(api, record.nodeName, ips);
    await obtain(api, files, purpose, { ...options, nodeName: record.nodeName, nodeIps: ips });
    pairs[purpose] = pairOf(files, purpose);
    if (purpose === 'serving') for (const use of users) use(pairs.serving);
  };
  const renewal = (purpose: Purpose): Renewal =>
    startRenewal({
      clock,
      log: options.log,
      what: `${purpose} certificate of node ${record.nodeName}`,
      current: () => pairs[purpose].certPem,
      renew: () => renew(purpose),
      ...(options.random === undefined ? {} : { random: options.random }),
    });
  // For the next start: the cluster's settings may have changed since this host joined.
  readSettings(api).then(
    (settings) => keep({ ...record, settings }),
    (error: unknown) => options.log.debug('the settings of the cluster could not be read', { error }),
  );
  // The server that was given stays the first choice: it may be a name that leads to whichever lives.
  const given = options.servers.length > 0 ? options.servers : [record.server];
  const following = followServers(api, (urls) => keep(withServers(record, [...given, ...urls])), { log: options.log });
  const renewals = { client: renewal('client'), serving: renewal('serving') };
  return {
    nodeName: record.nodeName,
    server: record.server,
    nodeIps: ips,
    settings: record.settings,
    clientConfig,
    caPem: record.caPem,
    serving: () => pairs.serving,
    onServing: (use) => void users.push(use),
    addressesChanged(next) {
      ips = next;
      renewals.serving.now();
    },
    forget: () => files.forget(),
    stop() {
      following.stop();
      for (const r of Object.values(renewals)) r.stop();
      api.close();
    },
  };
}

function pairOf(files: HostFiles, purpose: Purpose): CertificateAndKey {
  const pair = files.pair(purpose);
  if (pair === undefined) throw new Error(`the ${purpose} certificate is gone from ${files.dir}: join again`);
  return pair;
}

const nodeConfig = (record: JoinRecord, credentials: () => CertificateAndKey): ClientConfig => ({
  server: record.server,
  others: () => record.others ?? [],
  caPem: record.caPem,
  credentials,
});

async function firstJoin(options: JoinOptions, files: HostFiles, clock: Clock): Promise<JoinRecord> {
  const { servers, token, caHash, nodeName } = options;
  if (servers.length === 0 || token === undefined || caHash === undefined) {
    throw new UserError(
      "this host has not joined a cluster yet: give --server, --token and --ca-hash, as 'portico token create' prints them",
    );
  }
  if (!TOKEN.test(token)) throw new UserError('--token: six characters, a dot, sixteen characters (a to z, 0 to 9)');
  const { server, caPem, localAddress } = await discoverAuthority(servers, caHash, clock.now());
  const others = servers.filter((s) => s !== server);
  const tokenClient = createClient({ server, others: () => others, caPem, token });
  try {
    const settings = await inOneSentence(options, server, () => readSettings(tokenClient));
    // An attempt that got this far before it died is taken up where it stopped: its name would be taken by itself.
    const earlier = files.pair('client');
    if (earlier === undefined || commonNameUnder(caPem, earlier.certPem) !== `system:node:${nodeName}`) {
      await inOneSentence(options, server, () => obtain(tokenClient, files, 'client', options));
    }
    const nodeIps = options.nodeIps.length > 0 ? options.nodeIps : [localAddress];
    const record: JoinRecord = { server, others, nodeName, caPem, nodeIps, settings };
    const own = createClient(nodeConfig(record, () => pairOf(files, 'client')));
    try {
      await inOneSentence(options, server, async () => {
        await ensureNode(own, nodeName, nodeIps);
        await obtain(own, files, 'serving', { ...options, nodeIps });
      });
    } finally {
      own.close();
    }
    files.keepRecord(record);
    options.log.info('joined the cluster', { server, node: nodeName, cluster: settings.clusterName });
    return record;
  } finally {
    tokenClient.close();
  }
}

async function readSettings(client: Client): Promise<ClusterSettings> {
  const map = await client.resource(configMaps).get(AGENT_SETTINGS, 'kube-system');
  return JSON.parse(map.data?.['settings'] ?? '') as ClusterSettings;
}

/** A certificate with a new key, in place of the one there is. */
async function obtain(client: Client, files: HostFiles, purpose: Purpose, o: JoinOptions): Promise<void> {
  const keyPem = files.pendingKey(purpose, generateKeyPem);
  const names = purpose === 'serving' ? { dnsNames: [o.nodeName], ips: o.nodeIps } : {};
  try {
    const certPem = await requestCertificate(
      client,
      {
        nodeName: o.nodeName,
        purpose,
        keyPem,
        ...names,
        ...(o.certificateSeconds === undefined ? {} : { expirationSeconds: o.certificateSeconds }),
      },
      o.timeoutMs ?? 60_000,
    );
    files.keepPair(purpose, { certPem, keyPem });
  } catch (e) {
    // A refused request is kept for an hour: the next attempt must be another one.
    if (e instanceof RequestDenied) files.dropPendingKey(purpose);
    throw e;
  }
}

/** The Node with its addresses: the approver compares the serving certificate with them. */
async function ensureNode(client: Client, name: string, ips: readonly string[]): Promise<Node> {
  const api = client.resource(nodes);
  const addresses = [...ips.map((address) => ({ type: 'InternalIP', address })), { type: 'Hostname', address: name }];
  try {
    await api.get(name);
    return await api.patch(name, { status: { addresses } }, { type: 'merge', subresource: 'status' });
  } catch (e) {
    if (!isNotFound(e)) throw e;
  }
  const metadata = { name, labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' } };
  return api.create({ apiVersion: 'v1', kind: 'Node', metadata, spec: {}, status: { addresses } });
}

async function inOneSentence<T>(options: JoinOptions, server: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (e) {
    const { nodeName, token = '' } = options;
    if (isConnectionError(e)) throw unreachable(server, e instanceof Error ? (e.cause ?? e) : e);
    if (isUnauthorized(e)) {
      throw new UserError(
        `the server does not know the token ${token.slice(0, 6)}.…, or it has expired: make a new one with 'portico token create'`,
        { cause: e },
      );
    }
    if (e instanceof RequestDenied && e.reason === 'NameTaken') {
      throw new UserError(
        `the name ${nodeName} is taken in this cluster: choose another with --node-name, or remove that node first ` +
          `with 'portico node remove ${nodeName}'`,
        { cause: e },
      );
    }
    throw e;
  }
}
