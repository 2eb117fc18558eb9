// X.509 v3 certificates (RFC 5280) with ECDSA P-256 keys: the to-be-signed bytes, and the signature over them.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { bitString, boolean, context, integer, namedBits, octetString, oid, sequence, time } from './der.ts';
import type { Bytes } from './der.ts';
import { buildAlternativeNames, buildName } from './names.ts';
import type { AlternativeNames, Subject } from './names.ts';
import { toPem } from './pem.ts';

export type Usage = 'server' | 'client';

const EXTENDED_USAGE: Readonly<Record<Usage, string>> = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' };
export const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));

const DIGITAL_SIGNATURE = 0;
const KEY_CERT_SIGN = 5;
const CRL_SIGN = 6;

/** Clocks of two hosts differ: a certificate is valid a little before it was made. */
const BACKDATE_MS = 5 * 60_000;
const DAY_MS = 86_400_000;

export interface CertificateRequest extends AlternativeNames {
  readonly subject: Subject;
  readonly publicKey: KeyObject;
  readonly usages: readonly Usage[];
  readonly days: number;
  readonly isCa: boolean;
}

export interface Signer {
  /** The issuer's Name, DER. */
  readonly name: Bytes;
  readonly privateKey: KeyObject;
}

/** Signs a certificate and returns it as PEM. */
export function signCertificate(request: CertificateRequest, signer: Signer, now = new Date()): string {
  const spki = publicKeyBytes(request.publicKey);
  const tbs = sequence(
    context(0, true, integer(Buffer.from([2]))),
    integer(randomSerial()),
    ECDSA_WITH_SHA256,
    signer.name,
    sequence(time(new Date(now.getTime() - BACKDATE_MS)), time(new Date(now.getTime() + request.days * DAY_MS))),
    buildName(request.subject),
    spki,
    context(3, true, sequence(...extensions(request, spki, signer))),
  );
  return toPem('CERTIFICATE', sequence(tbs, ECDSA_WITH_SHA256, bitString(signSha256(tbs, signer.privateKey))));
}

function extensions(request: CertificateRequest, spki: Bytes, signer: Signer): Buffer[] {
  const list = [
    extension('2.5.29.19', true, request.isCa ? sequence(boolean(true)) : sequence()),
    extension(
      '2.5.29.15',
      true,
      namedBits(request.isCa ? [DIGITAL_SIGNATURE, KEY_CERT_SIGN, CRL_SIGN] : [DIGITAL_SIGNATURE]),
    ),
    extension('2.5.29.14', false, octetString(keyId(spki))),
    extension(
      '2.5.29.35',
      false,
      sequence(context(0, false, keyId(publicKeyBytes(createPublicKey(signer.privateKey))))),
    ),
  ];
  if (request.usages.length > 0) {
    list.push(extension('2.5.29.37', false, sequence(...request.usages.map((usage) => oid(EXTENDED_USAGE[usage])))));
  }
  if (request.dnsNames.length + request.ips.length > 0) {
    list.push(extension('2.5.29.17', false, buildAlternativeNames(request)));
  }
  return list;
}

export function extension(id: string, critical: boolean, content: Bytes): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(content));
}

/** 127 random bits: positive, and unguessable as the CA/Browser rules ask (64 bits or more). */
function randomSerial(): Buffer {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

/** SubjectPublicKeyInfo, DER. */
export function publicKeyBytes(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

/** RFC 7093 method 1: the leftmost 160 bits of the SHA-256 of the key. */
function keyId(spki: Bytes): Buffer {
  return createHash('sha256').update(spki).digest().subarray(0, 20);
}

export function signSha256(bytes: Bytes, key: KeyObject): Buffer {
  return sign('sha256', bytes, { key, dsaEncoding: 'der' });
}

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** PKCS #8 PEM of the private key. */
  readonly keyPem: string;
}

export function generateKeyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, publicKey, keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** A new private key alone, PKCS #8 PEM. */
export const generateKeyPem = (): string => generateKeyPair().keyPem;

export function loadPrivateKey(keyPem: string): KeyObject {
  const key = createPrivateKey(keyPem);
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new Error(
      `the key is ${key.asymmetricKeyType ?? 'of an unknown type'}; Portico signs with ECDSA P-256 keys only`,
    );
  }
  return key;
}
