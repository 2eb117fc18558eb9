export {
  caFingerprint,
  certificateValidity,
  commonNameUnder,
  createCa,
  issueCert,
  signCsr,
} from './certificate-authority.ts';
export type { CertificateAndKey, CertificateOptions, Validity } from './certificate-authority.ts';
export type { Usage } from './certificate.ts';
export { generateKeyPem } from './certificate.ts';
export { createCsr, parseCsr } from './csr.ts';
export type { CsrOptions, ParsedCsr } from './csr.ts';
export { generateServiceAccountKey, serviceAccountPublicKey } from './service-account-key.ts';
export type { ServiceAccountKey } from './service-account-key.ts';
