// The keys and certificates that a server needs, made once, kept 0600, made again only when missing or near their end.
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { SERVERS_EXTENSION } from '../client/index.ts';
import { createCa, generateServiceAccountKey, issueCert, type CertificateAndKey } from '../pki/index.ts';

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

export interface PairFiles {
  readonly cert: string;
  readonly key: string;
}

/** File names in a pki directory. */
export function serverPkiFiles(dir: string) {
  const pair = (name: string): PairFiles => ({
    cert: path.join(dir, `${name}.crt`),
    key: path.join(dir, `${name}.key`),
  });
  return {
    ca: pair('ca'),
    server: pair('apiserver'),
    kubeletClient: pair('apiserver-kubelet-client'),
    serviceAccountKey: path.join(dir, 'service-account.key'),
  };
}

/** What is there, or what `make` gives when nothing is there or `isGood` says no. */
export function ensurePair(
  files: PairFiles,
  make: () => CertificateAndKey,
  isGood: (certPem: string) => boolean = () => true,
): CertificateAndKey {
  if (existsSync(files.cert) && existsSync(files.key)) {
    const pair = { certPem: readFileSync(files.cert, 'utf8'), keyPem: readFileSync(files.key, 'utf8') };
    if (isGood(pair.certPem)) return pair;
  }
  const pair = make();
  writeSecret(files.key, pair.keyPem);
  writeSecret(files.cert, pair.certPem);
  return pair;
}

/** A certificate that ends within a month is made anew at the next start. */
const RENEW_BEFORE_MS = 30 * 86_400_000;

const lastsAndNames = (ips: readonly string[]) => (certPem: string) => {
  const certificate = new X509Certificate(certPem);
  const lasts = certificate.validToDate.getTime() - Date.now() > RENEW_BEFORE_MS;
  return lasts && ips.every((ip) => certificate.checkIP(ip) !== undefined);
};

export interface ServerNames {
  readonly clusterName: string;
  readonly clusterDomain: string;
  /** Addresses that clients reach the server by, the first service address among them. */
  readonly ips: readonly string[];
  readonly dnsNames?: readonly string[];
}

/** Makes whatever is missing of a server's own credentials; returns the authority. */
export function ensureServerCredentials(dir: string, names: ServerNames): CertificateAndKey {
  const files = serverPkiFiles(dir);
  const ca = ensurePair(files.ca, () => createCa(`${names.clusterName}-ca`));
  ensurePair(
    files.server,
    () =>
      issueCert(ca, {
        cn: 'kube-apiserver',
        dnsNames: [
          'localhost',
          'kubernetes',
          'kubernetes.default',
          'kubernetes.default.svc',
          `kubernetes.default.svc.${names.clusterDomain}`,
          ...(names.dnsNames ?? []),
        ],
        ips: names.ips,
        usages: ['server'],
      }),
    lastsAndNames(names.ips),
  );
  ensurePair(
    files.kubeletClient,
    () => issueCert(ca, { cn: 'kube-apiserver-kubelet-client', orgs: ['system:masters'], usages: ['client'] }),
    lastsAndNames([]),
  );
  if (!existsSync(files.serviceAccountKey)) {
    writeSecret(files.serviceAccountKey, generateServiceAccountKey().privateKeyPem);
  }
  return ca;
}

export interface UserKubeconfig {
  readonly file: string;
  readonly cluster: string;
  readonly server: string;
  readonly user: string;
  readonly orgs: readonly string[];
}

/** A kubeconfig with a certificate of its own, unless the file is there and for this server. */
export function ensureKubeconfig(ca: CertificateAndKey, o: UserKubeconfig): void {
  if (existsSync(o.file) && readFileSync(o.file, 'utf8').includes(`server: ${o.server}\n`)) return;
  const pair = issueCert(ca, { cn: o.user, orgs: o.orgs, usages: ['client'] });
  writeSecret(
    o.file,
    kubeconfigText({ cluster: o.cluster, user: o.user, server: o.server, caPem: ca.certPem, ...pair }),
  );
}

/** A field of kubeconfigs that kubectl keeps and does not read; `loadKubeconfig` does. */
const SERVERS_BLOCK = /^ {4}extensions:\n {4}- name: portico\/servers\n.*\n/m;

/** Writes into a kubeconfig of ours where else the cluster can be asked. */
export function keepOtherServers(file: string, others: readonly string[]): void {
  if (!existsSync(file)) return;
  const text = readFileSync(file, 'utf8');
  const block =
    others.length === 0
      ? ''
      : `    extensions:\n    - name: ${SERVERS_EXTENSION}\n      extension: ${JSON.stringify({ servers: others })}\n`;
  const bare = text.replace(SERVERS_BLOCK, '');
  // kubectl writes the file anew when it changes it, in an order of its own: then it is the user's.
  if (/^\s*extensions:/m.test(bare)) return;
  const next = bare.replace(/^ {4}certificate-authority-data: .*\n/m, (line) => `${line}${block}`);
  if (next !== text) writeSecret(file, next);
}
