// A certificate authority as two PEM texts, and what it can do: issue a certificate with a new key, or sign a request.
import { createHash, X509Certificate } from 'node:crypto';
import { generateKeyPair, loadPrivateKey, publicKeyBytes, signCertificate } from './certificate.ts';
import type { Signer, Usage } from './certificate.ts';
import { parseCsr } from './csr.ts';
import { readAll, readOne } from './der.ts';
import { buildName } from './names.ts';

/** A certificate and its private key; also how a CA is kept on disk. */
export interface CertificateAndKey {
  readonly certPem: string;
  readonly keyPem: string;
}

const CA_DAYS = 3650;
const LEAF_DAYS = 365;

/** A self-signed authority. @example createCa('portico') */
export function createCa(cn: string, days = CA_DAYS): CertificateAndKey {
  const key = generateKeyPair();
  const certPem = signCertificate(
    { subject: { cn }, publicKey: key.publicKey, dnsNames: [], ips: [], usages: [], days, isCa: true },
    { name: buildName({ cn }), privateKey: key.privateKey },
  );
  return { certPem, keyPem: key.keyPem };
}

export interface CertificateOptions {
  /** The user name that an API server sees. */
  readonly cn: string;
  /** The groups that an API server sees. */
  readonly orgs?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ips?: readonly string[];
  readonly usages: readonly Usage[];
  /** @default 365 */
  readonly days?: number;
}

/** A new key with a certificate signed by `ca`. @example issueCert(ca, { cn: 'admin', orgs: ['system:masters'], usages: ['client'] }) */
export function issueCert(ca: CertificateAndKey, options: CertificateOptions): CertificateAndKey {
  const key = generateKeyPair();
  const certPem = signCertificate(
    {
      subject: { cn: options.cn, orgs: options.orgs ?? [] },
      publicKey: key.publicKey,
      dnsNames: options.dnsNames ?? [],
      ips: options.ips ?? [],
      usages: options.usages,
      days: options.days ?? LEAF_DAYS,
      isCa: false,
    },
    signerOf(ca),
  );
  return { certPem, keyPem: key.keyPem };
}

/**
 * Signs a request with its own subject and names. The caller has decided that they are allowed; the signature of the
 * request, which proves that its sender holds the key, is checked here.
 */
export function signCsr(
  ca: CertificateAndKey,
  csrPem: string,
  options: { usages: readonly Usage[]; days?: number; now?: Date },
): string {
  const { subject, publicKey, dnsNames, ips } = parseCsr(csrPem);
  return signCertificate(
    { subject, publicKey, dnsNames, ips, usages: options.usages, days: options.days ?? LEAF_DAYS, isCa: false },
    signerOf(ca),
    options.now,
  );
}

/** The issuer's name is copied byte for byte: chains are matched by it, however the CA's maker encoded it. */
function signerOf(ca: CertificateAndKey): Signer {
  const certificate = new X509Certificate(ca.certPem);
  if (!certificate.ca) throw new Error('the certificate is not a certificate authority (basicConstraints CA is false)');
  const privateKey = loadPrivateKey(ca.keyPem);
  if (!certificate.checkPrivateKey(privateKey))
    throw new Error("the key does not belong to the authority's certificate");
  const [tbs] = readAll(readOne(certificate.raw).content);
  const subject = tbs && readAll(tbs.content)[5];
  if (subject === undefined) throw new Error("the authority's certificate has no subject");
  return { name: subject.bytes, privateKey };
}

/** `sha256:…` over the public key of a CA: what a joining host compares, in kubeadm's format. */
export function caFingerprint(certPem: string): string {
  const spki = publicKeyBytes(new X509Certificate(certPem).publicKey);
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`;
}

/** The common name of a certificate that this authority signed; undefined when another did. */
export function commonNameUnder(caPem: string, certPem: string): string | undefined {
  const certificate = new X509Certificate(certPem);
  if (!certificate.verify(new X509Certificate(caPem).publicKey)) return undefined;
  return /^CN=(.*)$/m.exec(certificate.subject)?.[1];
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export function certificateValidity(certPem: string): Validity {
  const certificate = new X509Certificate(certPem);
  return { notBefore: certificate.validFromDate, notAfter: certificate.validToDate };
}
