// Puts the server together: store, verbs, identity, permission, admission, transport.
import { clusterRoles, serviceCIDRs } from '../api/index.ts';
import { systemClock } from '../clock/index.ts';
import { joinHostPort } from '../ip/index.ts';
import { silentLogger } from '../log/index.ts';
import { Registry } from '../metrics/index.ts';
import { snapshotText, type Held } from '../store/index.ts';
import { createAdmission } from './admission/admission.ts';
import { restrictCertificates } from './admission/certificates.ts';
import { restrictEscalation } from './admission/rbac-escalation.ts';
import { auditLine } from './audit-line.ts';
import { aggregateRoles } from './auth/aggregate-roles.ts';
import { createAuthenticator } from './auth/authenticate.ts';
import { createAuthorizer } from './auth/authorize.ts';
import { createNodeAuthorizer } from './auth/node-authorizer.ts';
import { RbacIndex } from './auth/rbac-index.ts';
import { createReviews } from './auth/reviews.ts';
import { ServiceAccountTokens } from './auth/service-account-tokens.ts';
import { createTokenRequests } from './auth/token-requests.ts';
import { bootstrap } from './bootstrap/bootstrap.ts';
import { serverWrites } from './bootstrap/server-writes.ts';
import { announceServer, knownServers, SERVERS_PREFIX } from './bootstrap/servers.ts';
import type { ApiServer, ApiServerOptions, Listening } from './contract.ts';
import { listenHttp } from './http/http-server.ts';
import { httpHandlers } from './http/serve.ts';
import { createConnect } from './nodes/connect.ts';
import { keyPrefix } from './objects/storage-key.ts';
import { bodyValue, contentTypeOf, warningHeader } from './request/answer.ts';
import { dispatch, type DispatchDeps } from './request/dispatch.ts';
import { InFlight } from './request/in-flight.ts';
import { UserRate } from './request/user-rate.ts';
import { serverMetrics } from './server-metrics.ts';
import { AddressPool } from './services/address-pool.ts';
import { keepTrue, startUpkeep } from './upkeep.ts';
import { ServiceCidrs } from './services/service-cidrs.ts';
import { ServiceAllocation } from './services/service-allocation.ts';
import type { VerbDeps } from './verbs/deps.ts';

const DEFAULT_LIMITS = {
  inFlight: { reads: 400, writes: 200 },
  perUser: { perSecond: 500, burst: 1000 },
  timeoutMs: 60_000,
  maxBodyBytes: 3 * 1024 * 1024,
};
const DEFAULT_ISSUER = 'https://kubernetes.default.svc.cluster.local';

/** @example const server = createApiServer({ store, advertise: { address: '172.30.0.1', port: 6443 }, serviceAccountKeyPem }) */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { store, advertise } = options;
  const clock = options.clock ?? systemClock;
  const log = options.log ?? silentLogger;
  const registry = options.metrics ?? new Registry();
  const serviceCidrs = options.serviceCidrs ?? ['10.96.0.0/12'];
  const stopped = new AbortController();

  const pools = serviceCidrs.map((cidr) => new AddressPool(cidr));
  const [primary] = pools;
  if (primary === undefined) throw new Error('a cluster needs at least one service CIDR');
  const serviceCidrObjects = new ServiceCidrs(store, clock, pools);
  const attachments = new ServiceAllocation({
    store,
    clock,
    families: pools.map((p) => p.family),
    pools: () => serviceCidrObjects.pools,
    nodePorts: options.nodePorts ?? { first: 30_000, last: 32_767 },
    ...(options.loadBalancerCidr === undefined ? {} : { loadBalancerPool: new AddressPool(options.loadBalancerCidr) }),
  });
  const issuer = options.issuer ?? DEFAULT_ISSUER;
  const tokens = new ServiceAccountTokens(options.serviceAccountKeyPem, issuer, clock);
  const authenticator = createAuthenticator(store, tokens, issuer, clock);
  const rbac = new RbacIndex();
  const authorizer = createAuthorizer(rbac, createNodeAuthorizer(store));
  const admission = createAdmission(store, [restrictEscalation(rbac, authorizer), restrictCertificates(authorizer)]);
  const verbs: VerbDeps = { store, clock, admission, attachments };
  const writes = serverWrites(verbs, stopped.signal);
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const inFlight = new InFlight(limits.inFlight);
  const userRate = new UserRate(limits.perUser, clock);
  const record = serverMetrics(registry, { inFlight, userRate, store });
  const open = new Set<Listening>();
  let isReady = false;

  const deps: DispatchDeps = {
    verbs,
    authorizer,
    inFlight,
    timeoutMs: limits.timeoutMs,
    log,
    plain: {
      checks: [{ name: 'poststarthook/bootstrap', ok: () => isReady }],
      metrics: () => registry.render(),
      snapshot: () => snapshotText(store),
      tokens,
      address: joinHostPort(advertise.address, advertise.port),
    },
    connect: createConnect(store, options.nodeAgentTls),
    review: createReviews({
      clock,
      authenticator,
      authorizer,
      rbac,
      audience: issuer,
      tokenRequests: createTokenRequests(store, tokens, issuer),
    }),
    onAnswer: (answered) => {
      record(answered);
      options.audit?.(auditLine(answered, clock.now()));
    },
  };

  const firstObjects = async (atStart: boolean) =>
    bootstrap(writes, {
      atStart,
      serviceCidrs: pools.map((p) => p.text),
      serviceAddress: primary.at(0),
      servers: await knownServers(store, advertise),
    });
  const keep = (prefix: string, run: () => Promise<void>) =>
    keepTrue({ store, clock, log, signal: stopped.signal }, prefix, run);
  let announced: Held | undefined;
  const prepare = async () => {
    await rbac.start(store, stopped.signal, (error) => log.error('the index of roles stopped', { error }));
    announced = await announceServer(store, advertise);
    let atStart = true;
    await keep(SERVERS_PREFIX, async () => {
      await firstObjects(atStart);
      atStart = false;
    });
    await keep(keyPrefix(clusterRoles), () => aggregateRoles(store, writes));
    await keep(keyPrefix(serviceCIDRs), () => serviceCidrObjects.reconcile(writes));
    isReady = true;
    startUpkeep({ store, clock, log, bootstrap: () => firstObjects(false), signal: stopped.signal });
  };
  const ready = prepare();
  // Whoever waits for `ready` hears of a failure; nobody has to.
  ready.catch((error: unknown) => log.error('the server could not prepare its first objects', { error }));

  return {
    ready,
    async handle(request) {
      const { answer } = await dispatch(deps, request);
      const { warnings, body } = answer;
      return {
        status: answer.status,
        headers: {
          'content-type': contentTypeOf(body),
          ...answer.headers,
          ...(warnings === undefined || warnings.length === 0 ? {} : { warning: warningHeader(warnings) }),
        },
        body: bodyValue(body),
      };
    },
    async listen(addresses, tls) {
      const listening = await listenHttp(
        addresses,
        tls,
        httpHandlers({
          dispatch: deps,
          authenticator,
          userRate,
          body: limits,
          nodeAgentTls: options.nodeAgentTls,
          log,
        }),
      );
      open.add(listening);
      return listening;
    },
    async close() {
      stopped.abort();
      await Promise.all([...open].map((listening) => listening.close()));
      open.clear();
      // Best effort: the key goes by itself.
      await announced?.release().catch((error: unknown) => log.debug('could not sign off', { error }));
    },
  };
}
