// Types of certificates.k8s.io/v1. The notation is explained in schema.ts.
export const certificatesTypes = `
kind CertificateSigningRequest | Asks the cluster for a certificate: somebody approves, a signer signs, the key stays where it is.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec CertificateSigningRequestSpec embedded required | What is wanted; cannot be changed.
  3 status CertificateSigningRequestStatus embedded | What was decided, and the certificate.
type CertificateSigningRequestSpec | The request and who makes it.
  1 request bytes required atomic | A PEM block CERTIFICATE REQUEST, in base64.
  7 signerName string required | Who is to sign, such as kubernetes.io/kube-apiserver-client-kubelet.
  8 expirationSeconds int32? | Wished life of the certificate; at least 600.
  5 usages []string atomic | What the key will be used for.
  2 username string | The user who made the request; set by the server.
  3 uid string | Unique id of that user; set by the server.
  4 groups []string atomic | Groups of that user; set by the server.
  6 extra map[list] | Further facts about that user; set by the server.
type CertificateSigningRequestStatus
  1 conditions []CertificateSigningRequestCondition keys=type | Approved, Denied or Failed.
  2 certificate bytes atomic | The certificate as PEM, in base64, once it is issued.
type CertificateSigningRequestCondition
  1 type string required | Approved, Denied or Failed.
  6 status string required | True, False or Unknown.
  2 reason string | A word that says why.
  3 message string | A sentence that says why.
  4 lastUpdateTime time | When it was last written.
  5 lastTransitionTime time | When the status last changed.
`;
