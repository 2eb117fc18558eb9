// Types of authentication.k8s.io/v1. The notation is explained in schema.ts.
export const authenticationTypes = `
kind TokenRequest
  1 metadata meta.ObjectMeta embedded
  2 spec TokenRequestSpec embedded
  3 status TokenRequestStatus embedded
type TokenRequestSpec
  1 audiences []string atomic
  4 expirationSeconds int64?
  3 boundObjectRef BoundObjectReference
type BoundObjectReference
  1 kind string
  2 apiVersion string
  3 name string
  4 uid string
type TokenRequestStatus
  1 token string
  2 expirationTimestamp time
kind TokenReview
  1 metadata meta.ObjectMeta embedded
  2 spec TokenReviewSpec embedded required
  3 status TokenReviewStatus embedded
type TokenReviewSpec
  1 token string required
  2 audiences []string atomic
type TokenReviewStatus
  1 authenticated bool
  2 user UserInfo embedded
  4 audiences []string atomic
  3 error string
type UserInfo
  1 username string
  2 uid string
  3 groups []string atomic
  4 extra map[list]
type ExtraValue
kind SelfSubjectReview
  1 metadata meta.ObjectMeta embedded
  2 status SelfSubjectReviewStatus embedded
type SelfSubjectReviewStatus
  1 userInfo UserInfo embedded
`;
