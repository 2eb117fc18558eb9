// From a write at a real API server to the new answer: the server in a process of its own over TLS with a durable store,
// DNS in another with a real informer, the client here. Two times a change: since the write was sent, and since the API
// server said that it is stored.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { endpointSlices, services } from '../../src/api/objects.ts';
import { queryDns } from '../../src/dns/index.ts';
import { formatRdata } from '../../src/dnswire/index.ts';
import { ADMIN, startLiveServer } from '../../test/api/live-server.ts';
import { quantile, report } from '../report.ts';

const SERVICES = 1000;
const CHANGES = 300;
const NAME = 'manual.default.svc.cluster.local';
const folder = mkdtempSync(path.join(tmpdir(), 'portico-bench-dns-live-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

await using api = await startLiveServer();
const client = api.client();
const metadata = (name: string) => ({ name, namespace: 'default' });
for (let i = 0; i < SERVICES; i++) {
  const spec = { ports: [{ name: 'http', port: 80 }] };
  await client.resource(services).create({ apiVersion: 'v1', kind: 'Service', metadata: metadata(`s${i}`), spec });
}
await client.resource(services).create({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadata('manual'),
  spec: { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] },
});
let slice = await client.resource(endpointSlices).create({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { ...metadata('manual-1'), labels: { 'kubernetes.io/service-name': 'manual' } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 80 }],
  endpoints: [],
});

const kubeconfig = path.join(folder, 'kubeconfig');
writeFileSync(kubeconfig, api.kubeconfig(ADMIN), { mode: 0o600 });
const dns = fork(path.join(import.meta.dirname, 'server-process.ts'), ['dns-live', kubeconfig], {
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
});
const [{ port }] = (await once(dns, 'message')) as [{ port: number }];

const sinceSent: number[] = [];
const sinceStored: number[] = [];
for (let i = 0; i < CHANGES; i++) {
  const address = `12.0.${i >> 8}.${i & 255}`;
  const sent = performance.now();
  let stored = Number.NaN;
  const write = client
    .resource(endpointSlices)
    .update({ ...slice, endpoints: [{ addresses: [address] }] })
    .then((written) => {
      stored = performance.now();
      slice = written;
    });
  for (;;) {
    const { message } = await queryDns({ server: '127.0.0.1', port, name: NAME, edns: null });
    if (message.answers.some((a) => formatRdata(a.type, a.rdata) === address)) break;
    if (performance.now() - sent > 5000) throw new Error(`${NAME} did not change`);
  }
  const seen = performance.now();
  await write;
  sinceSent.push(seen - sent);
  // The watch may be faster than the reply to the writer.
  sinceStored.push(Math.max(0, seen - stored));
}
report({
  bench: 'dns/live-change-to-answer',
  changes: CHANGES,
  medianMs: quantile(sinceSent, 0.5),
  p99Ms: quantile(sinceSent, 0.99),
  sinceStoredMedianMs: quantile(sinceStored, 0.5),
  sinceStoredP99Ms: quantile(sinceStored, 0.99),
});
dns.kill();
client.close();
