import path from 'node:path';

import { parseDuration } from '../api/objects.ts';
import { storedValueText } from '../apiserver/index.ts';
import { UserError } from '../errors/index.ts';
import {
  cidrContains,
  cidrsOverlap,
  formatIp,
  joinHostPort,
  nthAddress,
  parseCidr,
  splitHostPort,
  parseIp,
} from '../ip/index.ts';
import { shareClusterKeys } from '../roles/cluster-keys.ts';
import { roleLogger } from '../roles/lifecycle.ts';
import { refuseKubernetesState } from '../roles/kubernetes-state.ts';
import { isShared, openStore, type StorePlace } from '../roles/open-store.ts';
import { ensureKubeconfig, ensureServerCredentials } from '../roles/server-credentials.ts';
import { runServer, type ServerOptions } from '../roles/server.ts';
import { NETWORK_MODES } from '../podnet/index.ts';
import { ETCD_FLAGS, storePlace } from './store-flags.ts';
import { choice, integerFlag, listFlag, requiredFlag, stringFlag, type Command, type Parsed } from './command.ts';

const STATE_DIR = '/var/lib/portico/server';

function cidrs(parsed: Parsed, flag: string, preset: string): readonly string[] {
  const texts = listFlag(parsed, flag);
  for (const text of texts) {
    if (parseCidr(text) === undefined) throw new UserError(`--${flag} ${text}: not a range such as 10.0.0.0/16`);
  }
  return texts.length === 0 ? [preset] : texts;
}

/** What Endpoints of the Service `kubernetes` may not hold. @throws UserError */
function refuseUnreachable(advertise: string): void {
  if (parseIp(advertise) === undefined)
    throw new UserError(`--advertise-address ${advertise}: not an address such as 192.168.1.10`);
  const unusable = ['127.0.0.0/8', '::1/128', '0.0.0.0/32', '::/128'].some((cidr) => cidrContains(cidr, advertise));
  if (unusable)
    throw new UserError(
      `--advertise-address ${advertise}: nodes and pods cannot reach that; give an address of this host that they can`,
    );
}

/** Addresses that mean two things lead packets astray long after the mistake. @throws UserError */
function refuseOverlap(pods: readonly string[], services: readonly string[], advertise: string): void {
  for (const pod of pods) {
    const service = services.find((s) => cidrsOverlap(pod, s));
    if (service === undefined) continue;
    throw new UserError(
      `--pod-cidr ${pod} and --service-cidr ${service} overlap: choose ranges that have no address in common`,
    );
  }
  const ranges = [
    ...pods.map((c) => ['--pod-cidr', c] as const),
    ...services.map((c) => ['--service-cidr', c] as const),
  ];
  for (const [flag, cidr] of ranges) {
    if (!cidrContains(cidr, advertise)) continue;
    throw new UserError(`${flag} ${cidr} contains this host's own address ${advertise}: choose another range`);
  }
}

/** Flags of what bounds the requests of clients. */
const LIMIT_FLAGS: Command['flags'] = {
  'max-requests-inflight': { value: 'N', help: 'Reads worked on at a time (default 400).' },
  'max-mutating-requests-inflight': { value: 'N', help: 'Writes worked on at a time (default 200).' },
  'user-requests-per-second': {
    value: 'N',
    help: 'Requests a second of one user, administrators exempt (default 500).',
  },
  'user-requests-burst': { value: 'N', help: 'Requests of one user at once (default twice as many).' },
  'request-timeout': { value: 'DURATION', help: 'For an answer that is not a watch, log or stream (default 60s).' },
  'max-request-bytes': { value: 'N', help: 'Size of a request body (default 3145728).' },
};

function limits(parsed: Parsed): NonNullable<ServerOptions['limits']> {
  const positive = (flag: string): number | undefined => {
    const value = integerFlag(parsed, flag);
    if (value !== undefined && value <= 0) throw new UserError(`--${flag} ${value}: must be greater than 0`);
    return value;
  };
  const text = stringFlag(parsed, 'request-timeout');
  const timeoutMs = text === undefined ? undefined : parseDuration(text);
  if (text !== undefined && (timeoutMs === undefined || timeoutMs === 0)) {
    throw new UserError(`--request-timeout ${text}: write a duration such as 60s or 1m30s`);
  }
  const reads = positive('max-requests-inflight') ?? 400;
  const writes = positive('max-mutating-requests-inflight') ?? 200;
  const perSecond = positive('user-requests-per-second') ?? 500;
  const burst = positive('user-requests-burst') ?? 2 * perSecond;
  const maxBodyBytes = positive('max-request-bytes');
  return {
    inFlight: { reads, writes },
    perUser: { perSecond, burst },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(maxBodyBytes === undefined ? {} : { maxBodyBytes }),
  };
}

export const command: Command = {
  usage: '--advertise-address IP [flags]',
  summary: 'Runs the API server, the controllers and the scheduler in one process; hosts join with `portico agent`.',
  flags: {
    'cluster-name': { value: 'NAME', help: 'Name of the cluster (default portico).' },
    'cluster-domain': { value: 'NAME', help: 'DNS zone of the cluster (default cluster.local).' },
    'state-dir': { value: 'DIR', help: `Where the server keeps its files (default ${STATE_DIR}).` },
    store: {
      value: 'FILE|URL',
      help: 'The database file (default portico.db in the state directory), or etcd://HOST:PORT[,HOST:PORT…].',
    },
    ...ETCD_FLAGS,
    'etcd-netns': { value: 'PATH', help: 'Network namespace from which etcd is reached (default this one).' },
    pki: { value: 'DIR', help: 'Certificates and keys; what is missing is made (default pki in the state directory).' },
    listen: { value: 'ADDRESS:PORT', multiple: true, help: 'Where to serve the API (default 0.0.0.0:6443).' },
    'listen-fd': { value: 'N', help: 'A listening socket handed over by the parent process.' },
    'advertise-address': { value: 'IP', help: 'Address of the API that nodes and pods can reach.' },
    'pod-cidr': { value: 'CIDR', multiple: true, help: 'Ranges that nodes get theirs from (default 10.244.0.0/16).' },
    'service-cidr': { value: 'CIDR', multiple: true, help: 'Ranges of virtual addresses (default 10.96.0.0/12).' },
    'load-balancer-cidr': { value: 'CIDR', help: 'Addresses for Services of type LoadBalancer.' },
    'cluster-dns': { value: 'IP', help: 'Virtual address of cluster DNS (default the tenth of the service range).' },
    nodes: { value: 'N', help: 'Nodes that are sure to come (default 1): with two, replicas of DNS wait for both.' },
    'no-dns': { help: 'Do not deploy cluster DNS.' },
    network: { value: 'MODE', help: `For hosts that join: ${NETWORK_MODES.join(', ')} (default auto).` },
    'proxy-mode': { value: 'MODE', help: 'For hosts that join: iptables or nftables (default nftables).' },
    'node-grace': { value: 'SECONDS', help: 'Silence after which a node counts as gone (default 40).' },
    'audit-log': { value: 'FILE', help: 'Write a JSON line for every request: who, what, answer.' },
    ...LIMIT_FLAGS,
    'pod-routes': { help: 'Keep routes to the pods of every node in this network namespace.' },
    'upstream-dns': { value: 'ADDRESS', help: 'Nameserver for names outside the cluster.' },
  },
  async run(parsed) {
    const stateDir = path.resolve(stringFlag(parsed, 'state-dir') ?? STATE_DIR);
    const pkiDir = stringFlag(parsed, 'pki') ?? path.join(stateDir, 'pki');
    const listenTexts = listFlag(parsed, 'listen');
    const listen = (listenTexts.length === 0 ? ['0.0.0.0:6443'] : listenTexts).map((text) => {
      const at = splitHostPort(text);
      if (at === undefined) throw new UserError(`--listen ${text}: write ADDRESS:PORT`);
      return at;
    });
    const fd = integerFlag(parsed, 'listen-fd');
    const port = listen[0]?.port ?? 6443;
    const address = requiredFlag(parsed, 'advertise-address');
    const podCidrs = cidrs(parsed, 'pod-cidr', '10.244.0.0/16');
    const serviceCidrs = cidrs(parsed, 'service-cidr', '10.96.0.0/12');
    refuseUnreachable(address);
    refuseOverlap(podCidrs, serviceCidrs, address);
    const clusterName = stringFlag(parsed, 'cluster-name') ?? 'portico';
    const clusterDomain = stringFlag(parsed, 'cluster-domain') ?? 'cluster.local';
    const at = (n: number) => formatIp(nthAddress(serviceCidrs[0] ?? '', n));
    const netns = stringFlag(parsed, 'etcd-netns');
    const place: StorePlace = {
      ...storePlace(parsed, stringFlag(parsed, 'store') ?? path.join(stateDir, 'portico.db')),
      ...(netns === undefined ? {} : { netns }),
    };
    const log = roleLogger('server');
    const store = await openStore(place, { log, decode: storedValueText });
    await refuseKubernetesState(store, place);
    if (isShared(place)) await shareClusterKeys(store, pkiDir, clusterName);
    const ca = ensureServerCredentials(pkiDir, { clusterName, clusterDomain, ips: ['127.0.0.1', address, at(1)] });
    const kubeconfig = stringFlag(parsed, 'pki') === undefined ? path.join(stateDir, 'admin.kubeconfig') : undefined;
    if (kubeconfig !== undefined) {
      ensureKubeconfig(ca, {
        file: kubeconfig,
        cluster: clusterName,
        server: `https://${joinHostPort(address, port)}`,
        user: 'kubernetes-admin',
        orgs: ['system:masters'],
      });
    }
    const loadBalancerCidr = stringFlag(parsed, 'load-balancer-cidr');
    const auditLog = stringFlag(parsed, 'audit-log');
    const clusterDns = parsed.flags['no-dns'] === true ? undefined : (stringFlag(parsed, 'cluster-dns') ?? at(10));
    const upstreamDns = stringFlag(parsed, 'upstream-dns');
    const nodeGrace = integerFlag(parsed, 'node-grace');
    await runServer({
      store,
      shared: isShared(place),
      log,
      pkiDir,
      listen: [...(fd === undefined ? [] : [{ fd }]), ...listen],
      advertise: { address, port },
      podCidrs,
      serviceCidrs,
      limits: limits(parsed),
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      podRoutes: parsed.flags['pod-routes'] === true,
      clusterName,
      clusterDomain,
      network: choice('network', stringFlag(parsed, 'network') ?? 'auto', NETWORK_MODES),
      proxyMode: choice('proxy-mode', stringFlag(parsed, 'proxy-mode') ?? 'nftables', ['iptables', 'nftables']),
      ...(nodeGrace === undefined ? {} : { nodeGraceMs: nodeGrace * 1000 }),
      ...(loadBalancerCidr === undefined ? {} : { loadBalancerCidr }),
      ...(auditLog === undefined ? {} : { auditLog }),
      ...(clusterDns === undefined ? {} : { clusterDns }),
      nodes: integerFlag(parsed, 'nodes') ?? 1,
      ...(upstreamDns === undefined ? {} : { upstreamDns }),
    });
    return 0;
  },
};
