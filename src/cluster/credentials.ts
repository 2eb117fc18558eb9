// The keys, certificates and kubeconfigs of a local cluster, one identity a component, each no more than its part
// needs. Made once, kept 0600 in the state directory, made again only when missing.
import path from 'node:path';

import { issueCert } from '../pki/index.ts';
import { ensureKubeconfig, ensurePair, ensureServerCredentials, serverPkiFiles } from '../roles/server-credentials.ts';
import type { StatePaths } from './paths.ts';
import { addressPlan, nodeNames, type ClusterSpec } from './spec.ts';

/** File names in the pki directory. */
export function pkiFiles(paths: StatePaths) {
  const pair = (name: string) => ({
    cert: path.join(paths.pki, `${name}.crt`),
    key: path.join(paths.pki, `${name}.key`),
  });
  return {
    ...serverPkiFiles(paths.pki),
    kubelet: (node: string) => pair(`kubelet-${node}`),
    kubeconfig: (who: string) => path.join(paths.pki, `${who}.kubeconfig`),
  };
}

/** Makes whatever is missing. `apiPort` is the port of the API server on 127.0.0.1 and on the underlay. */
export function ensureCredentials(spec: ClusterSpec, paths: StatePaths, apiPort: number): void {
  const files = pkiFiles(paths);
  const plan = addressPlan(spec);
  const ca = ensureServerCredentials(paths.pki, {
    clusterName: spec.name,
    clusterDomain: spec.clusterDomain,
    ips: ['127.0.0.1', plan.controlPlane, plan.kubernetesService],
  });
  const inside = `https://${plan.controlPlane}:${apiPort}`;
  const kubeconfig = (file: string, server: string, user: string, orgs: string[]) =>
    ensureKubeconfig(ca, { file, cluster: spec.name, server, user, orgs });
  kubeconfig(paths.kubeconfig, `https://127.0.0.1:${apiPort}`, 'kubernetes-admin', ['system:masters']);
  for (const [i, node] of nodeNames(spec).entries()) {
    kubeconfig(files.kubeconfig(node), inside, `system:node:${node}`, ['system:nodes']);
    kubeconfig(files.kubeconfig(`proxy-${node}`), inside, 'system:kube-proxy', []);
    ensurePair(files.kubelet(node), () =>
      issueCert(ca, {
        cn: `system:node:${node}`,
        orgs: ['system:nodes'],
        dnsNames: [node],
        ips: [plan.node(i + 1)],
        usages: ['server'],
      }),
    );
  }
}
