import { parseDuration } from '../api/objects.ts';
import { UserError } from '../errors/index.ts';
import { parseCidr, splitHostPort } from '../ip/index.ts';
import { runServer, type ServerOptions } from '../roles/server.ts';
import { integerFlag, listFlag, requiredFlag, stringFlag, type Command, type Parsed } from './command.ts';

function cidrs(flag: string, texts: readonly string[]): readonly string[] {
  for (const text of texts) {
    if (parseCidr(text) === undefined) throw new UserError(`--${flag} ${text}: not a range such as 10.0.0.0/16`);
  }
  return texts;
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
  usage: '--pki DIR --store FILE --advertise-address IP [flags]',
  summary: 'Runs the API server, the controllers and the scheduler in one process.',
  flags: {
    'cluster-name': { value: 'NAME', help: 'Name of the cluster (default portico).' },
    'cluster-domain': { value: 'NAME', help: 'DNS zone of the cluster (default cluster.local).' },
    store: { value: 'FILE', help: 'The database file.' },
    pki: { value: 'DIR', help: 'Directory with the certificates and keys.' },
    listen: { value: 'ADDRESS:PORT', multiple: true, help: 'Where to serve the API; may be given again.' },
    'listen-fd': { value: 'N', help: 'A listening socket handed over by the parent process.' },
    'advertise-address': { value: 'IP', help: 'Address of the API that nodes and pods can reach.' },
    'pod-cidr': { value: 'CIDR', multiple: true, help: 'Ranges that nodes get their pod ranges from.' },
    'service-cidr': { value: 'CIDR', multiple: true, help: 'Ranges of virtual addresses.' },
    'load-balancer-cidr': { value: 'CIDR', help: 'Addresses for Services of type LoadBalancer.' },
    'cluster-dns': { value: 'IP', help: 'Deploy cluster DNS behind this virtual address.' },
    'audit-log': { value: 'FILE', help: 'Write a JSON line for every request: who, what, answer.' },
    ...LIMIT_FLAGS,
    'pod-routes': { help: 'Keep routes to the pods of every node in this network namespace.' },
    'upstream-dns': { value: 'ADDRESS', help: 'Nameserver for names outside the cluster.' },
  },
  async run(parsed) {
    const listen = listFlag(parsed, 'listen').map((text) => {
      const at = splitHostPort(text);
      if (at === undefined) throw new UserError(`--listen ${text}: write ADDRESS:PORT`);
      return at;
    });
    const fd = integerFlag(parsed, 'listen-fd');
    const port = listen[0]?.port;
    if (port === undefined) throw new UserError('--listen is required: the address that nodes and pods reach');
    const loadBalancerCidr = stringFlag(parsed, 'load-balancer-cidr');
    const auditLog = stringFlag(parsed, 'audit-log');
    const clusterDns = stringFlag(parsed, 'cluster-dns');
    const upstreamDns = stringFlag(parsed, 'upstream-dns');
    await runServer({
      storeFile: requiredFlag(parsed, 'store'),
      pkiDir: requiredFlag(parsed, 'pki'),
      listen: [...(fd === undefined ? [] : [{ fd }]), ...listen],
      advertise: { address: requiredFlag(parsed, 'advertise-address'), port },
      podCidrs: cidrs('pod-cidr', listFlag(parsed, 'pod-cidr')),
      serviceCidrs: cidrs('service-cidr', listFlag(parsed, 'service-cidr')),
      limits: limits(parsed),
      podRoutes: parsed.flags['pod-routes'] === true,
      clusterDomain: stringFlag(parsed, 'cluster-domain') ?? 'cluster.local',
      ...(loadBalancerCidr === undefined ? {} : { loadBalancerCidr }),
      ...(auditLog === undefined ? {} : { auditLog }),
      ...(clusterDns === undefined ? {} : { clusterDns }),
      ...(upstreamDns === undefined ? {} : { upstreamDns }),
    });
    return 0;
  },
};
