// The keys, certificates and kubeconfigs of a local cluster, one identity a component, each no more than its part
// needs. Made once, kept 0600 in the state directory, made again only when missing.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { createCa, generateServiceAccountKey, issueCert, type CertificateAndKey } from '../pki/index.ts';
import type { StatePaths } from './paths.ts';
import { addressPlan, nodeNames, type ClusterSpec } from './spec.ts';

/** Writes a secret as a whole or not at all. */
export function writeSecret(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.tmp`, text, { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
}

/** A kubeconfig with everything inside, so that the one file is enough. */
export function kubeconfigText(
  o: { cluster: string; user: string; server: string; caPem: string } & CertificateAndKey,
) {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return `apiVersion: v1
kind: Config
clusters:
- name: ${o.cluster}
  cluster:
    server: ${o.server}
    certificate-authority-data: ${base64(o.caPem)}
users:
- name: ${o.user}
  user:
    client-certificate-data: ${base64(o.certPem)}
    client-key-data: ${base64(o.keyPem)}
contexts:
- name: ${o.cluster}
  context:
    cluster: ${o.cluster}
    user: ${o.user}
current-context: ${o.cluster}
`;
}

/** File names in the pki directory. */
export function pkiFiles(paths: StatePaths) {
  const pair = (name: string) => ({
    cert: path.join(paths.pki, `${name}.crt`),
    key: path.join(paths.pki, `${name}.key`),
  });
  return {
    ca: pair('ca'),
    server: pair('apiserver'),
    kubeletClient: pair('apiserver-kubelet-client'),
    kubelet: (node: string) => pair(`kubelet-${node}`),
    serviceAccountKey: path.join(paths.pki, 'service-account.key'),
    kubeconfig: (who: string) => path.join(paths.pki, `${who}.kubeconfig`),
  };
}

function ensurePair(files: { cert: string; key: string }, make: () => CertificateAndKey): CertificateAndKey {
  if (existsSync(files.cert) && existsSync(files.key)) {
    return { certPem: readFileSync(files.cert, 'utf8'), keyPem: readFileSync(files.key, 'utf8') };
  }
  const pair = make();
  writeSecret(files.key, pair.keyPem);
  writeSecret(files.cert, pair.certPem);
  return pair;
}

/** Makes whatever is missing. `apiPort` is the port of the API server on 127.0.0.1 and on the underlay. */
export function ensureCredentials(spec: ClusterSpec, paths: StatePaths, apiPort: number): void {
  const files = pkiFiles(paths);
  const plan = addressPlan(spec);
  const ca = ensurePair(files.ca, () => createCa(`${spec.name}-ca`));
  ensurePair(files.server, () =>
    issueCert(ca, {
      cn: 'kube-apiserver',
      dnsNames: [
        'localhost',
        'kubernetes',
        'kubernetes.default',
        'kubernetes.default.svc',
        `kubernetes.default.svc.${spec.clusterDomain}`,
      ],
      ips: ['127.0.0.1', plan.controlPlane, plan.kubernetesService],
      usages: ['server'],
    }),
  );
  ensurePair(files.kubeletClient, () =>
    issueCert(ca, { cn: 'kube-apiserver-kubelet-client', orgs: ['system:masters'], usages: ['client'] }),
  );
  if (!existsSync(files.serviceAccountKey)) {
    writeSecret(files.serviceAccountKey, generateServiceAccountKey().privateKeyPem);
  }
  const inside = `https://${plan.controlPlane}:${apiPort}`;
  const kubeconfig = (file: string, server: string, user: string, orgs: string[]) => {
    if (existsSync(file) && readFileSync(file, 'utf8').includes(`server: ${server}\n`)) return;
    const pair = issueCert(ca, { cn: user, orgs, usages: ['client'] });
    writeSecret(file, kubeconfigText({ cluster: spec.name, user, server, caPem: ca.certPem, ...pair }));
  };
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
