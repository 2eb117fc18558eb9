// The API server in a process of its own, on a durable store, with or without controllers: `server-process.ts OPTIONS`.
// OPTIONS is JSON (ServerProcessOptions). Prints a line when ready; any message is answered with the heap in use, in MB.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

import { createApiServer, storedValueText } from '../../src/apiserver/index.ts';
import { createInProcessClient } from '../../src/client/index.ts';
import { systemClock } from '../../src/clock/index.ts';
import { startControllers } from '../../src/controllers/index.ts';
import { silentLogger } from '../../src/log/index.ts';
import { startScheduler } from '../../src/scheduler/index.ts';
import { openEtcdStore, openSqliteStore } from '../../src/store/index.ts';

export interface ServerProcessOptions {
  /** Holds the store, ca.crt, server.crt, server.key, sa.key. */
  folder: string;
  port: number;
  /** `etcd://…`: share the store with others instead of one in the folder. */
  etcd?: string;
  /** What the server says of itself; servers that share a store need different ones. @default 192.0.2.1 */
  address?: string;
  controllers?: boolean;
  /** How much history is kept. */
  history?: { windowMs: number; minChanges: number };
  serviceCidrs?: string[];
  nodePorts?: { first: number; last: number };
}

const options = JSON.parse(process.argv[2] ?? '{}') as ServerProcessOptions;
const pem = (file: string) => readFileSync(path.join(options.folder, file), 'utf8');
const store =
  options.etcd === undefined
    ? openSqliteStore({ path: path.join(options.folder, 'store.db'), ...options.history })
    : await openEtcdStore({ url: options.etcd, decode: storedValueText, ...options.history });
const api = createApiServer({
  store,
  serviceCidrs: options.serviceCidrs ?? ['10.96.0.0/16'],
  ...(options.nodePorts === undefined ? {} : { nodePorts: options.nodePorts }),
  loadBalancerCidr: '192.0.2.128/25',
  advertise: { address: options.address ?? '192.0.2.1', port: 6443 },
  serviceAccountKeyPem: pem('sa.key'),
});
await api.listen([{ host: '127.0.0.1', port: options.port }], {
  certPem: pem('server.crt'),
  keyPem: pem('server.key'),
  clientCaPem: pem('ca.crt'),
});
await api.ready;
if (options.controllers === true) {
  const ACCOUNT = 'system:serviceaccount:kube-system';
  const clientFor = (name: string, ...groups: string[]) =>
    createInProcessClient((request) => api.handle(request), { name, groups: [...groups, 'system:authenticated'] });
  const common = { log: silentLogger, clock: systemClock };
  startControllers({
    ...common,
    client: clientFor('system:kube-controller-manager'),
    clientFor: (controller) => clientFor(`${ACCOUNT}:${controller}`, 'system:serviceaccounts'),
    options: { podCidrs: ['10.244.0.0/16'], caPem: pem('ca.crt') },
  });
  startScheduler({ ...common, client: clientFor('system:kube-scheduler') });
}
process.on('message', () => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  process.send?.((heapUsed + external) / 1e6);
});
process.stdout.write('ready\n');
