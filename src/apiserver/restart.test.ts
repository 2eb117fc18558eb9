// Clients that were watching when the server was killed end with exactly what is stored, and nothing acknowledged is lost.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { configMaps, StatusError } from '../api/index.ts';
import { createClient, createInformer, type Client } from '../client/index.ts';
import { createCa, generateServiceAccountKey, issueCert } from '../pki/index.ts';

async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

async function start(folder: string, port: number): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'testing', 'server-process.ts'), folder, String(port)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await once(child.stdout ?? child, 'data');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** Writes until told to stop; remembers what was acknowledged. */
async function writer(
  client: Client,
  id: number,
  stop: () => boolean,
  acknowledged: Map<string, string>,
): Promise<void> {
  const maps = client.resource(configMaps);
  for (let i = 0; !stop(); i++) {
    const name = `w${id}-${i % 30}`;
    const data = { n: String(i) };
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data };
    try {
      if (i % 30 === 29) {
        await maps.delete(name, { namespace: 'default' });
        acknowledged.delete(name);
      } else {
        if (i < 30) await maps.create(body, { namespace: 'default' });
        else await maps.patch(name, { data }, { namespace: 'default', type: 'merge' });
        acknowledged.set(name, data.n);
      }
    } catch (error) {
      // The server went away in the middle: the write may or may not have been kept, so nothing is claimed of it.
      if (!(error instanceof StatusError) || error.code >= 500) acknowledged.delete(name);
      await sleep(20);
    }
  }
}

void it('informers and writers live through kill -9 of the server', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'portico-restart-'));
  const ca = createCa('restart');
  const own = issueCert(ca, { cn: 'kube-apiserver', ips: ['127.0.0.1'], usages: ['server'] });
  const admin = issueCert(ca, { cn: 'admin', orgs: ['system:masters'], usages: ['client'] });
  const files = {
    'ca.crt': ca.certPem,
    'server.crt': own.certPem,
    'server.key': own.keyPem,
    'sa.key': generateServiceAccountKey().privateKeyPem,
  };
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text, { mode: 0o600 });
  const port = await freePort();
  let server = await start(folder, port);
  const connect = () =>
    createClient({
      server: `https://127.0.0.1:${port}`,
      caPem: ca.certPem,
      certPem: admin.certPem,
      keyPem: admin.keyPem,
    });
  const clients = [connect(), connect(), connect()];
  const [first = connect()] = clients;
  const informers = clients.map((client) => createInformer(client, configMaps, { namespace: 'default' }));
  try {
    await Promise.all(informers.map((informer) => informer.synced()));
    let stopped = false;
    const acknowledged = new Map<string, string>();
    const writers = clients.map((client, id) => writer(client, id, () => stopped, acknowledged));
    for (let round = 0; round < 3; round++) {
      await sleep(700);
      await kill(server);
      server = await start(folder, port);
    }
    await sleep(300);
    stopped = true;
    await Promise.all(writers);
    const stored = await first.resource(configMaps).list({ namespace: 'default' });
    const truth = new Map(stored.items.map((m) => [m.metadata.name, `${m.metadata.resourceVersion} ${m.data?.['n']}`]));
    assert.ok(truth.size > 50, `only ${truth.size} objects were written`);
    for (const [name, n] of acknowledged) {
      assert.equal(truth.get(name)?.split(' ')[1], n, `${name} was acknowledged with ${n}`);
    }
    const seen = (informer: (typeof informers)[number]) =>
      new Map(
        [...informer.items.values()].map((m) => [m.metadata.name, `${m.metadata.resourceVersion} ${m.data?.['n']}`]),
      );
    const sorted = (map: Map<string, string>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const informer of informers) {
      for (let i = 0; i < 200 && JSON.stringify(sorted(seen(informer))) !== JSON.stringify(sorted(truth)); i++)
        await sleep(50);
      assert.deepEqual(sorted(seen(informer)), sorted(truth));
    }
  } finally {
    for (const informer of informers) informer.stop();
    for (const client of clients) client.close();
    await kill(server);
    rmSync(folder, { recursive: true, force: true });
  }
});
