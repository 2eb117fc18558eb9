// Where an agent keeps the volumes that are folders of its node; the Node says it to who makes volumes.
import path from 'node:path';

export const localVolumesDir = (stateDir: string): string => path.join(path.resolve(stateDir), 'volumes');
