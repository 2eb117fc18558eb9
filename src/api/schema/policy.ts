// Types of policy/v1: the eviction subresource. The notation is explained in schema.ts.
export const policyTypes = `
kind Eviction | Asks that a pod leave its node politely.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 deleteOptions meta.DeleteOptions | How it is deleted.
`;
