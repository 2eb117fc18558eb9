// Asks the cluster for a certificate and waits until it is issued. The key never leaves the host.
import { createHash } from 'node:crypto';

import { certificateSigningRequests, isAlreadyExists, type CertificateSigningRequest } from '../api/objects.ts';
import type { Client } from '../client/index.ts';
import { UserError } from '../errors/index.ts';
import { createCsr } from '../pki/index.ts';

export interface CertificateWish {
  readonly nodeName: string;
  readonly purpose: 'client' | 'serving';
  readonly dnsNames?: readonly string[];
  readonly ips?: readonly string[];
  readonly keyPem: string;
  readonly expirationSeconds?: number;
}

const SIGNER = { client: 'kubernetes.io/kube-apiserver-client-kubelet', serving: 'kubernetes.io/kubelet-serving' };
const USAGE = { client: 'client auth', serving: 'server auth' };
const POLL_MS = 200;

/** Denied, with the approver's word for it. */
export class RequestDenied extends UserError {
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.name = 'RequestDenied';
    this.reason = reason;
  }
}

/**
 * @returns the certificate as PEM.
 * @throws RequestDenied · UserError when nobody decided within `timeoutMs`
 */
export async function requestCertificate(client: Client, wish: CertificateWish, timeoutMs: number): Promise<string> {
  const api = client.resource(certificateSigningRequests);
  const { csrPem } = createCsr({
    cn: `system:node:${wish.nodeName}`,
    orgs: ['system:nodes'],
    dnsNames: wish.dnsNames ?? [],
    ips: wish.ips ?? [],
    keyPem: wish.keyPem,
  });
  const name = requestName(wish);
  try {
    await api.create({
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name },
      spec: {
        request: Buffer.from(csrPem).toString('base64'),
        signerName: SIGNER[wish.purpose],
        usages: ['digital signature', USAGE[wish.purpose]],
        ...(wish.expirationSeconds === undefined ? {} : { expirationSeconds: wish.expirationSeconds }),
      },
    });
  } catch (e) {
    // The same key asked for the same before: that request is as good.
    if (!isAlreadyExists(e)) throw e;
  }
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const issued = outcome(await api.get(name));
    if (issued !== undefined) return issued;
    if (performance.now() > deadline) {
      throw new UserError(
        `nobody approved the certificate request ${name} in ${Math.round(timeoutMs / 1000)} s: ` +
          `look at it with 'kubectl get csr', or approve it with 'kubectl certificate approve ${name}'`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Follows from what is asked, so that asking again finds the same request. */
function requestName(wish: CertificateWish): string {
  const { keyPem, nodeName, purpose, dnsNames = [], ips = [] } = wish;
  const digest = createHash('sha256').update(JSON.stringify([keyPem, nodeName, purpose, dnsNames, ips]));
  return `node-csr-${digest.digest('hex').slice(0, 40)}`;
}

function outcome({ metadata, status }: CertificateSigningRequest): string | undefined {
  const stop = (status?.conditions ?? []).find((c) => c.type === 'Denied' || c.type === 'Failed');
  if (stop !== undefined) {
    throw new RequestDenied(
      stop.reason ?? stop.type,
      `the certificate request ${metadata.name} was refused: ${stop.message ?? 'no reason was given'}`,
    );
  }
  const certificate = status?.certificate ?? '';
  return certificate === '' ? undefined : Buffer.from(certificate, 'base64').toString('utf8');
}
