// Cluster DNS as an add-on: a Deployment of two replicas behind the Service kube-system/kube-dns, with its
// configuration in a ConfigMap that `kubectl edit` changes. What exists already is left as it is.
import { configMaps, deployments, serviceAccounts, services } from '../api/objects.ts';
import type { Client } from '../client/index.ts';
import { createIfMissing } from './create-if-missing.ts';

export interface ClusterDnsOptions {
  clusterIp: string;
  clusterDomain: string;
  /** Where other names are forwarded: an address, or a resolv.conf. */
  upstream: string;
  /** Nodes that are sure to come: the second replica waits for the second node. */
  nodes: number;
}

const NAMESPACE = 'kube-system';
const NAME = 'kube-dns';
const LABELS = { 'k8s-app': NAME };
const CONFIG_DIR = '/etc/portico-dns';
const SNAPSHOT_DIR = '/var/lib/portico-dns';
const REPLICAS = 2;

/** In CoreDNS's own format, so that people who know it are at home. */
function corefile({ clusterDomain, upstream }: ClusterDnsOptions): string {
  return `.:53 {
    errors
    health {
        lameduck 5s
    }
    ready
    kubernetes ${clusterDomain} in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus :9153
    forward . ${upstream} {
        max_concurrent 1000
    }
    cache 30 {
        disable success ${clusterDomain}
        disable denial ${clusterDomain}
    }
    loop
    reload 2s
    loadbalance
}
`;
}

/** Creates what is missing of cluster DNS. What its account may read is a role of the server's own: `system:coredns`. */
export async function applyClusterDns(client: Client, options: ClusterDnsOptions): Promise<void> {
  const metadata = { name: NAME, namespace: NAMESPACE, labels: LABELS };
  await createIfMissing(client, serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  await createIfMissing(client, configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata,
    data: { Corefile: corefile(options) },
  });
  await createIfMissing(client, services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      ...metadata,
      labels: { ...LABELS, 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'kube-dns' },
      annotations: { 'prometheus.io/port': '9153', 'prometheus.io/scrape': 'true' },
    },
    spec: {
      selector: LABELS,
      clusterIP: options.clusterIp,
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
        { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
        { name: 'metrics', port: 9153, protocol: 'TCP', targetPort: 9153 },
      ],
    },
  });
  await createIfMissing(client, deployments, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: {
      replicas: REPLICAS,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: LABELS },
        spec: {
          serviceAccountName: NAME,
          dnsPolicy: 'Default',
          priorityClassName: 'system-cluster-critical',
          terminationGracePeriodSeconds: 20,
          // A replica that was killed must be silent until clients are led elsewhere. A refusal would end a resolver's
          // attempt at once, and its second and last one may come to the same place.
          securityContext: { sysctls: [{ name: 'net.ipv4.icmp_ratelimit', value: '3600000' }] },
          tolerations: [{ key: 'CriticalAddonsOnly', operator: 'Exists' }],
          // Not both on the node that was Ready first: the loss of one node must leave an answer.
          topologySpreadConstraints: [
            {
              topologyKey: 'kubernetes.io/hostname',
              maxSkew: 1,
              minDomains: Math.min(REPLICAS, Math.max(1, options.nodes)),
              whenUnsatisfiable: 'DoNotSchedule',
              labelSelector: { matchLabels: LABELS },
              matchLabelKeys: ['pod-template-hash'],
            },
          ],
          containers: [
            {
              name: 'dns',
              image: 'portico/dns',
              args: ['--config', `${CONFIG_DIR}/Corefile`, '--snapshot', `${SNAPSHOT_DIR}/cluster.json`],
              ports: [
                { name: 'dns', containerPort: 53, protocol: 'UDP' },
                { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
                { name: 'metrics', containerPort: 9153, protocol: 'TCP' },
              ],
              // A replica that is deleted gets no new clients from that moment on. It says not ready, too, but proxies cut
              // old UDP flows when they hear of it: three seconds later those that were busy are idle, and forgotten.
              readinessProbe: {
                httpGet: { path: '/ready', port: 8181 },
                periodSeconds: 1,
                timeoutSeconds: 5,
                failureThreshold: 3,
              },
              livenessProbe: {
                httpGet: { path: '/health', port: 8080 },
                initialDelaySeconds: 10,
                periodSeconds: 10,
                timeoutSeconds: 5,
                failureThreshold: 5,
              },
              volumeMounts: [
                { name: 'config', mountPath: CONFIG_DIR, readOnly: true },
                // A container that starts again while the API server is away answers from it.
                { name: 'snapshot', mountPath: SNAPSHOT_DIR },
              ],
            },
          ],
          volumes: [
            { name: 'config', configMap: { name: NAME } },
            { name: 'snapshot', emptyDir: {} },
          ],
        },
      },
    },
  });
}
