// Types of policy/v1: the eviction subresource. The notation is explained in schema.ts.
export const policyTypes = `
kind Eviction
  1 metadata meta.ObjectMeta embedded
  2 deleteOptions meta.DeleteOptions
`;
