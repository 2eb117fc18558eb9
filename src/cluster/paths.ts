// Where a cluster keeps its files. Pure.
import path from 'node:path';

export const DEFAULT_STATE_ROOT = '/var/lib/portico';

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
    node: (node: string) => at('nodes', node),
    images: at('images.yaml'),
  };
}

export type StatePaths = ReturnType<typeof statePaths>;
