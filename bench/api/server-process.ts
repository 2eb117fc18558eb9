// The API server alone in a process of its own, as the bench of it needs: prints one line when it is ready.
import { mkdirSync, readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { createApiServer } from '../../src/apiserver/index.ts';
import { openSqliteStore } from '../../src/store/index.ts';

const folder = process.argv[2];
if (folder === undefined)
  throw new Error('usage: server-process.ts FOLDER (with server.crt, server.key, ca.crt, sa.key)');
mkdirSync(folder, { recursive: true });
const pem = (file: string) => readFileSync(path.join(folder, file), 'utf8');
const store = openSqliteStore({ path: path.join(folder, 'store.db') });
const server = createApiServer({
  store,
  advertise: { address: '192.0.2.1', port: 6443 },
  serviceAccountKeyPem: pem('sa.key'),
});
const listening = await server.listen([{ host: '127.0.0.1', port: 0 }], {
  certPem: pem('server.crt'),
  keyPem: pem('server.key'),
  clientCaPem: pem('ca.crt'),
});
await server.ready;
// The bench kills this process, and compiled code is otherwise kept only at a proper end.
flushCompileCache();
process.stdout.write(`${listening.addresses[0]?.port}\n`);
