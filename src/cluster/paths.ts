// Where a cluster keeps its files. Pure.
import path from 'node:path';

export const DEFAULT_STATE_ROOT = '/var/lib/portico';

export interface ContainerdPlace {
  readonly home: string;
  readonly config: string;
  readonly socket: string;
  /** Where the node's agent answers the CNI plugin. */
  readonly cniSocket: string;
}

/** `dir` is the cluster's own state directory, `/var/lib/portico/<name>` unless --state-dir says otherwise. */
export function statePaths(dir: string) {
  const at = (...parts: string[]) => path.join(dir, ...parts);
  return {
    dir,
    spec: at('cluster.json'),
    kubeconfig: at('admin.kubeconfig'),
    pki: at('pki'),
    store: at('store'),
    logs: at('logs'),
    log: (component: string) => at('logs', `${component}.log`),
    run: at('run'),
    /** One record a process: pid and start time. */
    processRecord: (component: string) => at('run', `${component}.json`),
    nodes: at('nodes'),
    node: (node: string) => at('nodes', node),
    /** Of a node whose pods a containerd of its own runs. */
    containerd: (node: string): ContainerdPlace => {
      const home = at('nodes', node, 'containerd');
      const file = (name: string) => path.join(home, name);
      return {
        home,
        config: file('config.toml'),
        socket: file('containerd.sock'),
        cniSocket: file('cni.sock'),
      };
    },
    images: at('images.yaml'),
  };
}

export type StatePaths = ReturnType<typeof statePaths>;
