// PKCS #10 certificate signing requests (RFC 2986): how a host asks for a certificate without its key leaving it.
import { createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import {
  ECDSA_WITH_SHA256,
  extension,
  generateKeyPair,
  loadPrivateKey,
  publicKeyBytes,
  signSha256,
} from './certificate.ts';
import { bitString, context, formatOid, integer, oid, readAll, readOne, sequence, set } from './der.ts';
import { buildAlternativeNames, buildName, parseAlternativeNames, parseName } from './names.ts';
import { fromPem, toPem } from './pem.ts';

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const SUBJECT_ALT_NAME = '2.5.29.17';

export interface CsrOptions {
  readonly cn: string;
  readonly orgs?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ips?: readonly string[];
  /** An existing key to ask for again; absent: a new one. */
  readonly keyPem?: string;
}

/** A request and the key that it was signed with. */
export function createCsr(options: CsrOptions): { csrPem: string; keyPem: string } {
  const pair = options.keyPem === undefined ? generateKeyPair() : undefined;
  const keyPem = pair?.keyPem ?? options.keyPem ?? '';
  const privateKey = pair?.privateKey ?? loadPrivateKey(keyPem);
  const dnsNames = options.dnsNames ?? [];
  const ips = options.ips ?? [];
  const attributes =
    dnsNames.length + ips.length === 0
      ? []
      : [
          sequence(
            oid(EXTENSION_REQUEST),
            set(sequence(extension(SUBJECT_ALT_NAME, false, buildAlternativeNames({ dnsNames, ips })))),
          ),
        ];
  const info = sequence(
    integer(Buffer.from([0])),
    buildName({ cn: options.cn, orgs: options.orgs ?? [] }),
    publicKeyBytes(createPublicKey(privateKey)),
    context(0, true, ...attributes),
  );
  const csr = sequence(info, ECDSA_WITH_SHA256, bitString(signSha256(info, privateKey)));
  return { csrPem: toPem('CERTIFICATE REQUEST', csr), keyPem };
}

export interface ParsedCsr {
  readonly subject: { readonly cn: string; readonly orgs: readonly string[] };
  readonly publicKey: KeyObject;
  readonly dnsNames: readonly string[];
  readonly ips: readonly string[];
}

/** Reads a request and checks its signature; throws an Error that says what is wrong with it. */
export function parseCsr(csrPem: string): ParsedCsr {
  const [info, , signature] = readAll(readOne(fromPem('CERTIFICATE REQUEST', csrPem)).content);
  if (info === undefined || signature === undefined) throw new Error('the signing request is incomplete');
  const [, name, spki, attributes] = readAll(info.content);
  if (name === undefined || spki === undefined) throw new Error('the signing request has no subject or no key');
  const publicKey = createPublicKey({ key: Buffer.from(spki.bytes), format: 'der', type: 'spki' });
  // The first content byte of a bit string counts its unused bits.
  if (!verify('sha256', info.bytes, { key: publicKey, dsaEncoding: 'der' }, signature.content.subarray(1))) {
    throw new Error('the signature of the signing request does not match its key');
  }
  return { subject: parseName(name.content), publicKey, ...requestedNames(attributes?.content ?? Buffer.alloc(0)) };
}

function requestedNames(attributes: Uint8Array): { dnsNames: string[]; ips: string[] } {
  for (const attribute of readAll(attributes)) {
    const [type, values] = readAll(attribute.content);
    if (type === undefined || values === undefined || formatOid(type.content) !== EXTENSION_REQUEST) continue;
    for (const requested of readAll(readOne(values.content).content)) {
      const parts = readAll(requested.content);
      const [id] = parts;
      const content = parts.at(-1);
      if (id === undefined || content === undefined || formatOid(id.content) !== SUBJECT_ALT_NAME) continue;
      return parseAlternativeNames(content.content);
    }
  }
  return { dnsNames: [], ips: [] };
}
