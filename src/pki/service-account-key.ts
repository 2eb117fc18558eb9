// The key pair that signs service account tokens (ES256).
import { createPublicKey } from 'node:crypto';
import { generateKeyPair } from './certificate.ts';

export interface ServiceAccountKey {
  /** PKCS #8: the API server signs with it. */
  readonly privateKeyPem: string;
  /** SPKI: enough to verify. */
  readonly publicKeyPem: string;
}

export function generateServiceAccountKey(): ServiceAccountKey {
  const pair = generateKeyPair();
  return { privateKeyPem: pair.keyPem, publicKeyPem: serviceAccountPublicKey(pair.keyPem) };
}

/** The public half of a stored private key. */
export function serviceAccountPublicKey(privateKeyPem: string): string {
  return createPublicKey(privateKeyPem).export({ type: 'spki', format: 'pem' }).toString();
}
