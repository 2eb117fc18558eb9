// A running API server for the tests in this folder: a process of its own that tests may kill, over TLS on loopback.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';

import { createClient, type Client, type ClientConfig } from '../../src/client/index.ts';
import { createCa, generateServiceAccountKey, issueCert, type CertificateAndKey } from '../../src/pki/index.ts';
import type { ServerProcessOptions } from './server-process.ts';

/** Who asks: a client certificate, a token, or nobody. */
export type Identity = { cn: string; orgs?: readonly string[] } | { token: string } | undefined;

export const ADMIN = { cn: 'admin', orgs: ['system:masters'] };

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- assertions name the fields they look at
  json(): any;
}

export interface LiveServer extends AsyncDisposable {
  readonly port: number;
  readonly ca: CertificateAndKey;
  readonly pid: number;
  /** A kubeconfig as text, on which kubectl and other people's clients feed. */
  kubeconfig(identity: Identity): string;
  config(identity?: Identity): ClientConfig;
  client(identity?: Identity): Client;
  /** One HTTP/1.1 request, the answer as it came. */
  call(method: string, target: string, body?: unknown, how?: CallOptions): Promise<Answer>;
  /** kill -9. */
  kill(): Promise<void>;
  /** Starts again on the same store and port. */
  start(): Promise<void>;
  running(): boolean;
  /** What the server holds on to, garbage collected. */
  heapMegabytes(): Promise<number>;
}

export interface CallOptions {
  as?: Identity;
  headers?: Record<string, string>;
  timeoutMs?: number;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

export async function startLiveServer(
  options: Omit<ServerProcessOptions, 'folder' | 'port'> = {},
  /** Servers of one cluster share it. */
  ca: CertificateAndKey = createCa('api-test'),
): Promise<LiveServer> {
  const folder = mkdtempSync(path.join(tmpdir(), `test-${process.pid}-api-`));
  const port = await freePort();
  const own = issueCert(ca, { cn: 'kube-apiserver', dnsNames: ['localhost'], ips: ['127.0.0.1'], usages: ['server'] });
  const files = {
    'ca.crt': ca.certPem,
    'server.crt': own.certPem,
    'server.key': own.keyPem,
    'sa.key': generateServiceAccountKey().privateKeyPem,
  };
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(folder, file), text, { mode: 0o600 });

  let child: ChildProcess | undefined;
  async function start(): Promise<void> {
    const settings = JSON.stringify({ ...options, folder, port } satisfies ServerProcessOptions);
    const script = path.join(import.meta.dirname, 'server-process.ts');
    const started = spawn(process.execPath, ['--expose-gc', script, settings], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    child = started;
    const ended = once(started, 'exit').then(() => Promise.reject(new Error('the server ended at its start')));
    ended.catch(() => undefined);
    await Promise.race([once(started.stdout ?? started, 'data'), ended]);
  }
  async function kill(): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
  await start();

  const certificates = new Map<string, CertificateAndKey>();
  const certificateOf = (who: { cn: string; orgs?: readonly string[] }): CertificateAndKey => {
    const key = JSON.stringify(who);
    const known = certificates.get(key) ?? issueCert(ca, { cn: who.cn, orgs: who.orgs ?? [], usages: ['client'] });
    certificates.set(key, known);
    return known;
  };
  const config = (identity: Identity = ADMIN): ClientConfig => ({
    server: `https://127.0.0.1:${port}`,
    caPem: ca.certPem,
    ...('cn' in identity ? certificateOf(identity) : identity),
  });

  return {
    port,
    ca,
    get pid() {
      return child?.pid ?? 0;
    },
    config,
    client: (identity) => createClient(config(identity)),
    kubeconfig(identity) {
      const base64 = (text: string) => Buffer.from(text).toString('base64');
      const cluster = { server: `https://127.0.0.1:${port}`, 'certificate-authority-data': base64(ca.certPem) };
      let user: object = {};
      if (identity !== undefined && 'token' in identity) user = identity;
      else if (identity !== undefined) {
        const pair = certificateOf(identity);
        user = { 'client-certificate-data': base64(pair.certPem), 'client-key-data': base64(pair.keyPem) };
      }
      return JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'c', cluster }],
        users: [{ name: 'u', user }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'x',
      });
    },
    call(method, target, body, how = {}) {
      const identity = 'as' in how ? how.as : ADMIN;
      const bytes = body === undefined ? undefined : Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
      return new Promise((resolve, reject) => {
        const asked = request(
          {
            host: '127.0.0.1',
            port,
            method,
            path: target,
            ca: ca.certPem,
            ...(identity !== undefined && 'cn' in identity
              ? { cert: certificateOf(identity).certPem, key: certificateOf(identity).keyPem }
              : {}),
            headers: {
              accept: 'application/json',
              ...(bytes === undefined ? {} : { 'content-type': 'application/json', 'content-length': bytes.length }),
              ...(identity !== undefined && 'token' in identity ? { authorization: `Bearer ${identity.token}` } : {}),
              ...how.headers,
            },
            timeout: how.timeoutMs ?? 20_000,
          },
          (response) => {
            let text = '';
            response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
            response.on('error', reject);
            response.on('end', () =>
              resolve({
                status: response.statusCode ?? 0,
                headers: response.headers,
                text,
                json: () => JSON.parse(text),
              }),
            );
          },
        );
        asked.on('timeout', () => asked.destroy(new Error(`${method} ${target}: no answer in time`)));
        asked.on('error', reject);
        asked.end(bytes);
      });
    },
    kill,
    start,
    running: () => child !== undefined && child.exitCode === null && child.signalCode === null,
    async heapMegabytes() {
      if (child === undefined) throw new Error('the server does not run');
      const answer = once(child, 'message');
      child.send('heap');
      const [megabytes] = (await answer) as [number];
      return megabytes;
    },
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
