// A server for tests: in memory, in process, and over TLS when a test needs the wire.
import { systemClock } from '../../clock/index.ts';
import { createCa, generateServiceAccountKey, issueCert, type CertificateAndKey } from '../../pki/index.ts';
import { createMemoryStore, type Store } from '../../store/index.ts';
import { createApiServer, type ApiServer, type ApiServerOptions, type Listening, type User } from '../index.ts';

export const ADMIN: User = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };

export interface Call {
  readonly user?: User;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** Objects in answers, as loosely typed as tests need them. */
// oxlint-disable-next-line typescript/no-explicit-any -- assertions name the fields they look at
export type Loose = any;

export interface TestServer extends AsyncDisposable {
  readonly api: ApiServer;
  readonly store: Store;
  /** Status and value; `/api/v1/pods?limit=3`. */
  call(
    method: string,
    path: string,
    body?: unknown,
    how?: Call,
  ): Promise<{ status: number; body: Loose; headers: Readonly<Record<string, string>> }>;
  /** As `call`, for answers that must be a success. */
  ok(method: string, path: string, body?: unknown, how?: Call): Promise<Loose>;
  /** Opens a watch; `next` waits for one event more. */
  watch(path: string): Promise<{ next(): Promise<Loose>; stop(): void }>;
}

let serviceAccountKeyPem: string | undefined;

export async function startTestServer(options: Partial<ApiServerOptions> = {}): Promise<TestServer> {
  serviceAccountKeyPem ??= generateServiceAccountKey().privateKeyPem;
  const store = options.store ?? createMemoryStore();
  const api = createApiServer({
    store,
    advertise: { address: '172.30.0.1', port: 6443 },
    serviceCidrs: ['10.96.0.0/16'],
    serviceAccountKeyPem,
    clock: systemClock,
    ...options,
  });
  await api.ready;
  const call: TestServer['call'] = async (method, target, body, how = {}) => {
    const mark = target.indexOf('?');
    const answer = await api.handle({
      method,
      path: mark < 0 ? target : target.slice(0, mark),
      query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)),
      headers: { accept: 'application/json', 'user-agent': 'test/1', ...how.headers },
      user: how.user ?? ADMIN,
      body,
      signal: how.signal ?? new AbortController().signal,
    });
    return { status: answer.status, headers: answer.headers, body: answer.body };
  };
  return {
    api,
    store,
    call,
    async ok(method, path, body, how) {
      const answer = await call(method, path, body, how);
      if (answer.status >= 300)
        throw new Error(`${method} ${path}: ${answer.status} ${answer.body.message ?? answer.body}`);
      return answer.body;
    },
    async watch(path) {
      const stop = new AbortController();
      const { status, body } = await call('GET', path, undefined, { signal: stop.signal });
      if (status !== 200) throw new Error(`watch ${path}: ${status} ${body.message}`);
      const steps = body[Symbol.asyncIterator]();
      return { next: async () => (await steps.next()).value, stop: () => stop.abort() };
    },
    async [Symbol.asyncDispose]() {
      await api.close();
      await store.close();
    },
  };
}

export interface TlsTestServer {
  readonly port: number;
  readonly ca: CertificateAndKey;
  readonly listening: Listening;
  /** A kubeconfig, as text, for the user that a client certificate names. */
  kubeconfig(cn: string, orgs: readonly string[]): string;
  issue(cn: string, orgs: readonly string[]): CertificateAndKey;
}

export async function listenTls(server: TestServer): Promise<TlsTestServer> {
  const ca = createCa('test-ca');
  const own = issueCert(ca, { cn: 'kube-apiserver', dnsNames: ['localhost'], ips: ['127.0.0.1'], usages: ['server'] });
  const listening = await server.api.listen([{ host: '127.0.0.1', port: 0 }], {
    certPem: own.certPem,
    keyPem: own.keyPem,
    clientCaPem: ca.certPem,
  });
  const port = listening.addresses[0]?.port ?? 0;
  const issue = (cn: string, orgs: readonly string[]) => issueCert(ca, { cn, orgs, usages: ['client'] });
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return {
    port,
    ca,
    listening,
    issue,
    kubeconfig(cn, orgs) {
      const client = issue(cn, orgs);
      const cluster = { server: `https://127.0.0.1:${port}`, 'certificate-authority-data': base64(ca.certPem) };
      const user = { 'client-certificate-data': base64(client.certPem), 'client-key-data': base64(client.keyPem) };
      return JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'c', cluster }],
        users: [{ name: 'u', user }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'x',
      });
    },
  };
}
