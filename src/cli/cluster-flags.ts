// Flags that every command about a local cluster shares.
import path from 'node:path';

import { DEFAULT_SPEC, DEFAULT_STATE_ROOT } from '../cluster/index.ts';
import { stringFlag, type Flag, type Parsed } from './command.ts';

export const CLUSTER_FLAGS: Readonly<Record<string, Flag>> = {
  name: { value: 'NAME', help: `Name of the cluster (default ${DEFAULT_SPEC.name}); several live side by side.` },
  'state-dir': { value: 'DIR', help: `Where the cluster keeps its files (default ${DEFAULT_STATE_ROOT}/NAME).` },
};

export function clusterOf(parsed: Parsed): { name: string; stateDir: string } {
  const name = stringFlag(parsed, 'name') ?? DEFAULT_SPEC.name;
  return { name, stateDir: path.resolve(stringFlag(parsed, 'state-dir') ?? path.join(DEFAULT_STATE_ROOT, name)) };
}
