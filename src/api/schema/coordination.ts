// Types of coordination.k8s.io/v1. The notation is explained in schema.ts.
export const coordinationTypes = `
kind Lease
  1 metadata meta.ObjectMeta embedded
  2 spec LeaseSpec embedded
type LeaseSpec
  1 holderIdentity string?
  2 leaseDurationSeconds int32?
  3 acquireTime microtime
  4 renewTime microtime
  5 leaseTransitions int32?
  6 strategy string?
  7 preferredHolder string?
`;
