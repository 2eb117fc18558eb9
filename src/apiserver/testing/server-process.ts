// The server in a process of its own, for tests that kill it: `server-process.ts FOLDER PORT`. Prints a line when ready.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { openSqliteStore } from '../../store/index.ts';
import { createApiServer } from '../index.ts';

const [folder, port] = process.argv.slice(2);
if (folder === undefined || port === undefined) throw new Error('usage: server-process.ts FOLDER PORT');
const pem = (file: string) => readFileSync(join(folder, file), 'utf8');
// A short window, so that a client that was away for long meets a compacted history.
const store = openSqliteStore({ path: join(folder, 'store.db'), windowMs: 1000, minChanges: 50 });
const server = createApiServer({
  store,
  advertise: { address: '192.0.2.1', port: 6443 },
  serviceAccountKeyPem: pem('sa.key'),
});
await server.listen([{ host: '127.0.0.1', port: Number(port) }], {
  certPem: pem('server.crt'),
  keyPem: pem('server.key'),
  clientCaPem: pem('ca.crt'),
});
await server.ready;
process.stdout.write('ready\n');
