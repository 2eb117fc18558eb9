import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as http2Connect, type ClientHttp2Session } from 'node:http2';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer, request as httpsRequest } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { parse as parseYaml } from 'yaml';
import { createCa, issueCert } from '../../pki/index.ts';
import { listenTls, startTestServer, type Loose, type TestServer, type TlsTestServer } from '../testing/test-server.ts';

interface Got {
  status: number;
  headers: Record<string, unknown>;
  text: string;
}

interface Identity {
  readonly certPem?: string;
  readonly keyPem?: string;
}

/** One request over HTTP/1.1. */
function get(
  tls: TlsTestServer,
  path: string,
  who: Identity = {},
  more: {
    method?: string;
    headers?: Record<string, string>;
    body?: string | Buffer;
    encoding?: BufferEncoding;
    /** Never end the request. */
    hold?: boolean;
  } = {},
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        host: '127.0.0.1',
        port: tls.port,
        path,
        method: more.method ?? 'GET',
        headers: more.headers ?? {},
        ca: tls.ca.certPem,
        ...(who.certPem === undefined ? {} : { cert: who.certPem, key: who.keyPem }),
        agent: false,
      },
      (response) => {
        let text = '';
        response.setEncoding(more.encoding ?? 'utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.once('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      },
    );
    request.once('error', reject);
    if (more.hold === true) request.flushHeaders();
    else request.end(more.body);
  });
}

const admin = (tls: TlsTestServer): Identity => tls.issue('admin', ['system:masters']);

async function withNode(server: TestServer, port: number): Promise<void> {
  await server.ok('POST', '/api/v1/nodes', { metadata: { name: 'n1' } });
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
  };
  const headers = { 'content-type': 'application/merge-patch+json' };
  await server.ok('PATCH', '/api/v1/nodes/n1/status', { status }, { headers });
  await server.ok('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  await server.ok('POST', '/api/v1/namespaces/default/pods', {
    metadata: { name: 'p' },
    spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] },
  });
}

void describe('HTTP', () => {
  void it('knows users by their certificate, and refuses credentials that are not good', async () => {
    await using server = await startTestServer();
    const tls = await listenTls(server);
    const ns = '/api/v1/namespaces';
    assert.equal((await get(tls, ns, admin(tls))).status, 200);
    assert.equal((await get(tls, ns, tls.issue('jane', []))).status, 403);
    assert.equal((await get(tls, ns)).status, 403);
    assert.equal((await get(tls, '/version')).status, 200);
    const stranger = issueCert(createCa('other'), { cn: 'admin', orgs: ['system:masters'], usages: ['client'] });
    assert.equal((await get(tls, ns, stranger)).status, 401);
    const wrong = await get(tls, '/version', {}, { headers: { authorization: 'Bearer nonsense' } });
    assert.equal(wrong.status, 401);
    assert.equal(JSON.parse(wrong.text).message, 'Unauthorized');
  });

  void it('takes tokens', async () => {
    await using server = await startTestServer();
    const tls = await listenTls(server);
    const account = '/api/v1/namespaces/default/serviceaccounts';
    await server.ok('POST', account, { metadata: { name: 'sa' } });
    const { status } = await server.ok('POST', `${account}/sa/token`, { spec: {} });
    const headers = { authorization: `Bearer ${status.token}`, 'content-type': 'application/json' };
    const who = await get(
      tls,
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      {},
      { method: 'POST', headers, body: '{}' },
    );
    assert.equal(JSON.parse(who.text).status.userInfo.username, 'system:serviceaccount:default:sa');
    await server.ok('DELETE', `${account}/sa`);
    assert.equal((await get(tls, '/version', {}, { headers })).status, 401);
  });

  void it('refuses what is too big, what is no JSON, and what nobody can read', async () => {
    await using server = await startTestServer();
    const tls = await listenTls(server);
    const who = admin(tls);
    const at = '/api/v1/namespaces/default/configmaps';
    const post = (body: string | Buffer, type = 'application/json') =>
      get(tls, at, who, { method: 'POST', headers: { 'content-type': type }, body });
    assert.equal((await post(Buffer.alloc(4 * 1024 * 1024, 32))).status, 413);
    assert.equal((await post('{"a":')).status, 400);
    assert.equal((await post('x', 'text/plain')).status, 415);
    assert.equal((await post('')).status, 400);
    assert.equal((await get(tls, at, who, { headers: { accept: 'text/html' } })).status, 406);
    const deep = `{"metadata":{"name":"d"},"data":${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}}`;
    assert.equal((await post(deep)).status, 400);
    const patch = await get(tls, `${at.replace('configmaps', 'services')}/kubernetes`, who, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: deep,
    });
    assert.equal(patch.status, 400);
    const yaml = await post('metadata:\n  name: y\ndata:\n  a: b\n', 'application/yaml');
    assert.equal(yaml.status, 201);
    assert.ok(yaml.headers['audit-id']);
  });

  void it('answers YAML to those who ask for it, whatever the answer is', async () => {
    await using server = await startTestServer();
    const tls = await listenTls(server);
    const who = admin(tls);
    const ask = (path: string, accept = 'application/yaml') => get(tls, path, who, { headers: { accept } });
    const one = await ask('/api/v1/namespaces/default/services/kubernetes');
    assert.equal(one.headers['content-type'], 'application/yaml');
    assert.match(one.text, /^apiVersion: v1\nkind: Service\nmetadata:\n {2}creationTimestamp: "/);
    const json = await ask('/api/v1/namespaces/default/services/kubernetes', 'application/json');
    assert.deepEqual(parseYaml(one.text), JSON.parse(json.text));
    assert.match((await ask('/api/v1/namespaces')).text, /^kind: NamespaceList$/m);
    assert.match(
      (await ask('/api/v1/namespaces', 'application/yaml;as=Table;v=v1;g=meta.k8s.io')).text,
      /^kind: Table$/m,
    );
    const missing = await ask('/api/v1/namespaces/no');
    assert.equal(missing.status, 404);
    assert.match(missing.text, /^reason: NotFound$/m);
    assert.match((await ask('/apis/apps/v1')).text, /^kind: APIResourceList$/m);
    // The first that can be served counts; a watch has no form in YAML.
    assert.match((await ask('/api/v1/namespaces', 'text/html, application/json, application/yaml')).text, /^{"kind"/);
    assert.equal((await ask('/api/v1/namespaces?watch=true')).status, 406);
  });

  void it('compresses large answers for those who read gzip', async () => {
    await using server = await startTestServer();
    const tls = await listenTls(server);
    const who = admin(tls);
    const maps = '/api/v1/namespaces/default/configmaps';
    await server.ok('POST', maps, { metadata: { name: 'big' }, data: { text: 'a'.repeat(200_000) } });
    const ask = (path: string, encoding?: string) =>
      get(tls, path, who, {
        headers: encoding === undefined ? {} : { 'accept-encoding': encoding },
        encoding: 'latin1',
      });
    const plain = await ask(`${maps}/big`);
    assert.equal(plain.headers['content-encoding'], undefined);
    const packed = await ask(`${maps}/big`, 'deflate, gzip;q=0.8');
    assert.equal(packed.headers['content-encoding'], 'gzip');
    assert.equal(packed.headers['vary'], 'Accept-Encoding');
    assert.equal(gunzipSync(Buffer.from(packed.text, 'latin1')).toString('latin1'), plain.text);
    for (const [path, encoding] of [
      [`${maps}/big`, 'br'],
      [`${maps}/big`, 'gzip;q=0'],
      ['/api/v1/namespaces', 'gzip'],
    ] as const) {
      assert.equal((await ask(path, encoding)).headers['content-encoding'], undefined, `${path} ${encoding}`);
    }
  });

  void it('warns of Endpoints, which are deprecated', async () => {
    await using server = await startTestServer();
    for (const path of ['/api/v1/namespaces/default/endpoints/kubernetes', '/api/v1/endpoints']) {
      const { headers } = await server.call('GET', path);
      assert.equal(
        headers['warning'],
        '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"',
      );
    }
    const other = await server.call('GET', '/apis/discovery.k8s.io/v1/endpointslices');
    assert.equal(other.headers['warning'], undefined);
  });

  void it('bounds the requests of a user, and the time and size of each', async () => {
    const limits = { perUser: { perSecond: 0.1, burst: 2 }, maxBodyBytes: 1000, timeoutMs: 200 };
    await using server = await startTestServer({ limits });
    const tls = await listenTls(server);
    const jane = tls.issue('jane', []);
    assert.equal((await get(tls, '/version', jane)).status, 200);
    assert.equal((await get(tls, '/version', jane)).status, 200);
    const refused = await get(tls, '/version', jane, { method: 'POST', body: Buffer.alloc(500) });
    assert.equal(refused.status, 429);
    assert.equal(refused.headers['retry-after'], '10');
    assert.equal(JSON.parse(refused.text).details.retryAfterSeconds, 10);
    assert.equal((await get(tls, '/version', tls.issue('joe', []))).status, 200);
    const who = admin(tls);
    for (let i = 0; i < 5; i++) assert.equal((await get(tls, '/version', who)).status, 200);
    const big = await get(tls, '/api/v1/namespaces', who, { method: 'POST', body: Buffer.alloc(1001) });
    assert.equal(big.status, 413);
    // A body that does not come is not waited for.
    const late = await get(tls, '/api/v1/namespaces', who, {
      method: 'POST',
      headers: { 'content-length': '10' },
      hold: true,
    });
    assert.equal(late.status, 504);
    const { body, status } = await server.call('GET', '/api/v1/namespaces?timeout=soon');
    assert.deepEqual([status, body.reason], [400, 'BadRequest']);
  });

  void it('streams a watch over HTTP/2 and ends it when the server closes', async () => {
    await using server = await startTestServer();
    const tls = await listenTls(server);
    const { certPem, keyPem } = admin(tls);
    const session: ClientHttp2Session = http2Connect(`https://127.0.0.1:${tls.port}`, {
      ca: tls.ca.certPem,
      cert: certPem,
      key: keyPem,
    });
    const stream = session.request({
      ':path': `/api/v1/configmaps?watch=true&resourceVersion=${server.store.currentRevision}`,
    });
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    assert.equal(headers[':status'], 200);
    await server.ok('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'a' } });
    const [line] = (await once(stream, 'data')) as [Buffer];
    const event = JSON.parse(line.toString()) as Loose;
    assert.equal(event.type, 'ADDED');
    assert.equal(event.object.metadata.name, 'a');
    const ended = once(session, 'close');
    await tls.listening.close();
    await ended;
  });

  void it('closes beside clients that connected and never said a word', async () => {
    await using server = await startTestServer();
    const tls = await listenTls(server);
    const silent = connect(tls.port, '127.0.0.1');
    await once(silent, 'connect');
    silent.on('error', () => undefined);
    const cut = once(silent, 'close');
    await tls.listening.close();
    await cut;
  });

  void it('answers 429 when too much is going on', async () => {
    await using server = await startTestServer({ limits: { inFlight: { reads: 0, writes: 1 } } });
    const { status, headers, body } = await server.call('GET', '/api/v1/namespaces');
    assert.equal(status, 429);
    assert.equal(headers['retry-after'], '1');
    assert.equal(body.reason, 'TooManyRequests');
  });

  void it('says where it could not listen', async () => {
    await using server = await startTestServer();
    const tls = await listenTls(server);
    const own = issueCert(tls.ca, { cn: 'x', usages: ['server'] });
    await assert.rejects(
      server.api.listen([{ host: '127.0.0.1', port: tls.port }], { ...own, clientCaPem: tls.ca.certPem }),
      /cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/,
    );
  });
});

void describe('connections to node agents', () => {
  async function agent(ca: ReturnType<typeof createCa>) {
    const own = issueCert(ca, { cn: 'system:node:n1', ips: ['127.0.0.1'], usages: ['server'] });
    const seen: string[] = [];
    const server = createHttpsServer({
      cert: own.certPem,
      key: own.keyPem,
      ca: ca.certPem,
      requestCert: true,
      rejectUnauthorized: true,
    });
    server.on('request', (request, response) => {
      seen.push(`${request.method} ${request.url}`);
      if (request.url?.includes('previous') === true) response.writeHead(400).end('no such container\n');
      else response.writeHead(200, { 'content-type': 'text/plain' }).end('hello\n');
    });
    server.on('upgrade', (request, socket: Duplex) => {
      seen.push(`${request.method} ${request.url} ${request.headers['sec-websocket-protocol']}`);
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
      socket.pipe(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { seen, port: (server.address() as AddressInfo).port, close: () => server.close() };
  }

  void it('bring logs, and refusals as Status', async () => {
    const ca = createCa('cluster');
    const client = issueCert(ca, { cn: 'kube-apiserver-kubelet-client', usages: ['client'] });
    const node = await agent(ca);
    await using server = await startTestServer({ nodeAgentTls: { ...client, caPem: ca.certPem } });
    await withNode(server, node.port);
    const tls = await listenTls(server);
    const who = admin(tls);
    const log = '/api/v1/namespaces/default/pods/p/log';
    const good = await get(tls, `${log}?tailLines=3`, who);
    assert.equal(good.text, 'hello\n');
    assert.deepEqual(node.seen, ['GET /containerLogs/default/p/c?tailLines=3']);
    const bad = await get(tls, `${log}?previous=true`, who);
    assert.equal(bad.status, 400);
    assert.equal(JSON.parse(bad.text).message, 'no such container');
    assert.equal((await get(tls, `${log}?container=x`, who)).status, 400);
    assert.equal((await get(tls, log, tls.issue('jane', []))).status, 403);
    node.close();
  });

  void it('tunnel upgraded connections both ways, byte for byte', async () => {
    const ca = createCa('cluster');
    const client = issueCert(ca, { cn: 'kube-apiserver-kubelet-client', usages: ['client'] });
    const node = await agent(ca);
    await using server = await startTestServer({ nodeAgentTls: { ...client, caPem: ca.certPem } });
    await withNode(server, node.port);
    const tls = await listenTls(server);
    const path = '/api/v1/namespaces/default/pods/p/exec?command=sh&command=-c&stdin=true&stdout=true&tty=false';
    const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-protocol': 'v5.channel.k8s.io' };
    const open = (who: Identity) =>
      new Promise<{ status: number; socket?: Duplex }>((resolve, reject) => {
        const request = httpsRequest({
          host: '127.0.0.1',
          port: tls.port,
          path,
          headers,
          ca: tls.ca.certPem,
          cert: who.certPem,
          key: who.keyPem,
          agent: false,
        });
        request.once('upgrade', (response, socket: Duplex) => resolve({ status: response.statusCode ?? 0, socket }));
        request.once('response', (response) => {
          response.resume();
          resolve({ status: response.statusCode ?? 0 });
        });
        request.once('error', reject);
        request.end();
      });
    const { status, socket } = await open(admin(tls));
    assert.equal(status, 101);
    assert.deepEqual(node.seen, ['GET /exec/default/p/c?command=sh&command=-c&input=1&output=1 v5.channel.k8s.io']);
    const bytes = Buffer.from([0, 255, 1, 2, 254]);
    socket?.write(bytes);
    const [back] = (await once(socket ?? process.stdin, 'data')) as [Buffer];
    assert.deepEqual(back, bytes);
    socket?.destroy();
    assert.equal((await open(tls.issue('jane', []))).status, 403);
    node.close();
  });

  /** A pod that is a web server of this process, and the path to it through the API. */
  const proxied = async (answer: RequestListener) => {
    const web = createHttpServer(answer);
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    const server = await startTestServer();
    await withNode(server, 1);
    const podIp = { status: { podIP: '127.0.0.1', podIPs: [{ ip: '127.0.0.1' }] } };
    const merge = { 'content-type': 'application/merge-patch+json' };
    await server.ok('PATCH', '/api/v1/namespaces/default/pods/p/status', podIp, { headers: merge });
    const tls = await listenTls(server);
    return {
      proxy: `/api/v1/namespaces/default/pods/p:${(web.address() as AddressInfo).port}/proxy`,
      read: (path: string, more = {}) => get(tls, path, admin(tls), more),
      async [Symbol.asyncDispose]() {
        web.close();
        await server[Symbol.asyncDispose]();
      },
    };
  };

  void it('lead through redirects of what is proxied', async () => {
    await using pod = await proxied((request, response) => {
      response.writeHead(302, { location: `http://${request.headers.host}/next?a=1` }).end();
    });
    const { proxy, read } = pod;
    const first = await read(`${proxy}?b=2`);
    assert.deepEqual([first.status, first.headers['location']], [301, `${proxy}/?b=2`]);
    const inside = await read(`${proxy}/deep/page`);
    assert.deepEqual([inside.status, inside.headers['location']], [302, `${proxy}/next?a=1`]);
    const posted = await read(proxy, { method: 'POST', body: 'x' });
    assert.equal(posted.status, 302, 'only reads are led to the folder');
  });

  void it('lead the links of proxied pages through the proxy, compressed or not', async () => {
    const page = '<a href="/next?a=1&amp;b=2">ü</a><img src="i.png"><a href="https://example.com/">';
    const asked: unknown[] = [];
    await using pod = await proxied((request, response) => {
      asked.push(request.headers['x-forwarded-uri']);
      response.setHeader('access-control-allow-origin', '*');
      response.setHeader('content-type', request.url === '/text' ? 'text/plain' : 'text/html; charset=utf-8');
      if (request.url === '/gzip') response.setHeader('content-encoding', 'gzip').end(gzipSync(page));
      else if (request.url === '/odd') response.setHeader('content-encoding', 'br').end(page);
      else response.setHeader('content-length', Buffer.byteLength(page)).end(page);
    });
    const { proxy, read } = pod;
    for (const path of ['/plain', '/gzip']) {
      const { status, text, headers } = await read(`${proxy}${path}`);
      assert.deepEqual([status, text], [200, page.replace('/next', `${proxy}/next`)], path);
      assert.equal(headers['content-encoding'], undefined);
      assert.equal(headers['access-control-allow-origin'], undefined);
    }
    assert.deepEqual(asked, [`${proxy}/plain`, `${proxy}/gzip`]);
    assert.equal((await read(`${proxy}/plain`, { method: 'HEAD' })).text, '');
    // No page, and one that nobody here can read.
    for (const path of ['/text', '/odd']) assert.equal((await read(`${proxy}${path}`)).text, page);
  });

  void it('end a proxied page that turns out broken, and go on', async () => {
    await using pod = await proxied((request, response) => {
      response.setHeader('content-type', 'text/html');
      if (request.url === '/broken') response.setHeader('content-encoding', 'gzip');
      response.end('no gzip');
    });
    await assert.rejects(pod.read(`${pod.proxy}/broken`));
    assert.equal((await pod.read(`${pod.proxy}/whole`)).text, 'no gzip');
  });

  void it('say what is wrong when the agent cannot be reached', async () => {
    const ca = createCa('cluster');
    const client = issueCert(ca, { cn: 'x', usages: ['client'] });
    await using server = await startTestServer({ nodeAgentTls: { ...client, caPem: ca.certPem } });
    await withNode(server, 1);
    const { status, body } = await server.call('GET', '/api/v1/namespaces/default/pods/p/log');
    assert.equal(status, 502);
    assert.match(
      body.message,
      /error trying to reach the node agent at https:\/\/127\.0\.0\.1:1: connect ECONNREFUSED/,
    );
  });
});
