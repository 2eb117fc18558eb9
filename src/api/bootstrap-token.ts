// Names of the bootstrap tokens by which hosts join.

/** The Secret in kube-system that a token with this id is kept in. */
export const bootstrapTokenSecretName = (id: string): string => `bootstrap-token-${id}`;

export const BOOTSTRAP_TOKEN_TYPE = 'bootstrap.kubernetes.io/token';

/** Members may ask for a node's first certificate, and have it approved. */
export const NODE_BOOTSTRAPPERS = 'system:bootstrappers:portico:default-node-token';

/** ConfigMap in kube-public that says who the cluster's authority is; everybody may read it, as with kubeadm. */
export const CLUSTER_INFO = 'cluster-info';

/** ConfigMap in kube-system with what all node agents must agree on. */
export const AGENT_SETTINGS = 'portico-agent-settings';

/** Condition of a Node: packets to the pods of some other node do not pass. Pods are scheduled and run all the same. */
export const PEERS_UNREACHABLE = 'PeersUnreachable';

/** On a Node that is to be removed: its agent takes everything away that it made, and then deletes the Node. */
export const REMOVAL_ANNOTATION = 'node.portico/removal';
