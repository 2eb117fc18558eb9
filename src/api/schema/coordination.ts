// Types of coordination.k8s.io/v1. The notation is explained in schema.ts.
export const coordinationTypes = `
kind Lease | Says who holds something, and until when: leadership, or a node being alive.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec LeaseSpec embedded | What is wanted.
type LeaseSpec | Who, since when, for how long.
  1 holderIdentity string? | Who holds it.
  2 leaseDurationSeconds int32? | Seconds after renewTime at which it is free again.
  3 acquireTime microtime | When the holder got it.
  4 renewTime microtime | When the holder last renewed it.
  5 leaseTransitions int32? | How often it changed hands.
  6 strategy string? | How the holder is chosen, when several agree on one.
  7 preferredHolder string? | Who should take over.
`;
