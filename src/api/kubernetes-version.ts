// The Kubernetes version whose API is served and whose kubelet the node agent behaves like; kubectl chooses by it.

export const kubernetesVersion = { major: '1', minor: '33', gitVersion: 'v1.33.0+portico' } as const;
