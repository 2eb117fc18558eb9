// The role `server`: store, API server, controllers and scheduler in one process. The parts talk through the API,
// in process, each under its own identity.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { createApiServer, type ListenAddress, type RequestLimits } from '../apiserver/index.ts';
import { createInProcessClient, followServers, type Client, type InProcessUser } from '../client/index.ts';
import { systemClock } from '../clock/index.ts';
import { controllerUser, startControllers } from '../controllers/index.ts';
import { joinHostPort } from '../ip/index.ts';
import type { Logger } from '../log/index.ts';
import { Registry } from '../metrics/index.ts';
import { startScheduler } from '../scheduler/index.ts';
import type { Store } from '../store/index.ts';
import { applyClusterInfo } from './cluster-info.ts';
import { applyClusterDns } from './cluster-dns.ts';
import { startPodRoutes } from './pod-routes.ts';
import { openAuditLog } from './audit-log.ts';
import { lead, untilWritten } from './lead.ts';
import { aborted, endOnSignal } from './lifecycle.ts';
import { keepOtherServers } from './server-credentials.ts';
import { applyStandardStorage } from './standard-storage.ts';

export interface ServerOptions {
  log: Logger;
  /** Open; the role closes it at its end. */
  store: Store;
  /** Other servers use the store too: controllers and scheduler run on one of them. */
  shared: boolean;
  /** Directory with ca.crt, apiserver.{crt,key}, apiserver-kubelet-client.{crt,key}, service-account.key. */
  pkiDir: string;
  listen: readonly ListenAddress[];
  advertise: { address: string; port: number };
  podCidrs: readonly string[];
  serviceCidrs: readonly string[];
  loadBalancerCidr?: string;
  /** File to which a JSON line is added for every request. */
  auditLog?: string;
  clusterName: string;
  clusterDomain: string;
  /** What hosts that join are told: how pods of two nodes reach each other, and how Services are translated. */
  network: string;
  proxyMode: string;
  /** Silence after which a node is Unknown. @default 40000 */
  nodeGraceMs?: number;
  /** Address of the Service kube-system/kube-dns; absent: cluster DNS is not deployed. */
  clusterDns?: string;
  /** How many nodes are sure to come. */
  nodes: number;
  /** Nameserver for names outside the cluster. */
  upstreamDns?: string;
  /** What bounds the requests of clients. */
  limits?: RequestLimits;
  /** A kubeconfig of this server in which the others are kept, for when it is away. */
  kubeconfig?: string;
  /** Keep routes to the pods of every node in this network namespace. */
  podRoutes: boolean;
}

/** As Kubernetes: gone after 40 s of silence, a heartbeat every 10. */
const DEFAULT_NODE_GRACE_MS = 40_000;
const BEATS_PER_GRACE = 4;

/** Runs until a signal. */
export async function runServer(options: ServerOptions): Promise<void> {
  const { log } = options;
  const ended = endOnSignal();
  const pem = (file: string) => readFileSync(path.join(options.pkiDir, file), 'utf8');
  const { store } = options;
  const metrics = new Registry();
  const caPem = pem('ca.crt');
  const audit = options.auditLog === undefined ? undefined : openAuditLog(options.auditLog, log);
  const api = createApiServer({
    store,
    serviceCidrs: options.serviceCidrs,
    ...(options.loadBalancerCidr === undefined ? {} : { loadBalancerCidr: options.loadBalancerCidr }),
    advertise: options.advertise,
    serviceAccountKeyPem: pem('service-account.key'),
    issuer: `https://kubernetes.default.svc.${options.clusterDomain}`,
    nodeAgentTls: {
      certPem: pem('apiserver-kubelet-client.crt'),
      keyPem: pem('apiserver-kubelet-client.key'),
      caPem,
    },
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    log: log.with({ room: 'apiserver' }),
    metrics,
    ...(audit === undefined ? {} : { audit: (line) => audit.write(line) }),
  });
  await api.listen(options.listen, {
    certPem: pem('apiserver.crt'),
    keyPem: pem('apiserver.key'),
    clientCaPem: caPem,
  });
  await api.ready;
  log.info('API server ready', { listen: options.listen });

  const clients: Client[] = [];
  const clientAs = (user: InProcessUser, userAgent: string) => {
    const client = createInProcessClient((request) => api.handle(request), user, userAgent);
    clients.push(client);
    return client;
  };
  const clientFor = (name: string) => clientAs({ name, groups: ['system:authenticated'] }, name.replace('system:', ''));
  const clientForController = (name: string) => clientAs(controllerUser(name), 'kube-controller-manager');
  const stopLeading = lead({
    client: clientFor('system:kube-controller-manager'),
    shared: options.shared,
    name: joinHostPort(options.advertise.address, options.advertise.port),
    log,
    start: async (signal) => {
      const controllers = startControllers({
        client: clientFor('system:kube-controller-manager'),
        clientFor: clientForController,
        log: log.with({ room: 'controllers' }),
        clock: systemClock,
        options: {
          podCidrs: options.podCidrs,
          caPem,
          ...(options.nodeGraceMs === undefined ? {} : { nodeGraceMs: options.nodeGraceMs }),
          signer: { certPem: caPem, keyPem: pem('ca.key') },
        },
      });
      const scheduler = startScheduler({
        client: clientFor('system:kube-scheduler'),
        log: log.with({ room: 'scheduler' }),
        clock: systemClock,
      });
      const write = async () => {
        await applyClusterInfo(clientFor('system:cluster-info'), {
          server: `https://${joinHostPort(options.advertise.address, options.advertise.port)}`,
          caPem,
          settings: {
            clusterName: options.clusterName,
            clusterDomain: options.clusterDomain,
            clusterDns: options.clusterDns === undefined ? [] : [options.clusterDns],
            podCidrs: options.podCidrs,
            serviceCidrs: options.serviceCidrs,
            network: options.network,
            proxyMode: options.proxyMode,
            heartbeatMs: (options.nodeGraceMs ?? DEFAULT_NODE_GRACE_MS) / BEATS_PER_GRACE,
          },
        });
        const addons = clientFor('system:addons');
        await applyStandardStorage(addons);
        if (options.clusterDns !== undefined) {
          await applyClusterDns(addons, {
            clusterIp: options.clusterDns,
            nodes: options.nodes,
            clusterDomain: options.clusterDomain,
            upstream: options.upstreamDns ?? '/etc/resolv.conf',
          });
        }
      };
      await untilWritten(write, { signal, log });
      return async () => {
        await scheduler.stop();
        await controllers.stop();
      };
    },
  });
  const { kubeconfig } = options;
  const own = `https://${joinHostPort(options.advertise.address, options.advertise.port)}`;
  const others =
    kubeconfig === undefined
      ? undefined
      : followServers(clientFor('system:kube-controller-manager'), (urls) =>
          keepOtherServers(
            kubeconfig,
            urls.filter((url) => url !== own),
          ),
        );
  const routes = options.podRoutes ? startPodRoutes(clientFor('system:pod-routes'), log) : undefined;

  await aborted(ended);
  routes?.[Symbol.dispose]();
  others?.stop();
  await stopLeading();
  for (const client of clients) client.close();
  await api.close();
  await store.close();
  audit?.close();
}
