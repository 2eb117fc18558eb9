import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { StatusError, configMaps, isConflict, namespaces, services } from '../api/objects.ts';
import { isConnectionError } from './connection-error.ts';
import type { Client } from './contract.ts';
import { createClient } from './create-client.ts';

type Answer = (req: http.IncomingMessage, res: http.ServerResponse, body: string) => void;

/** A server whose every fault the test decides. */
async function serve(answer: Answer) {
  const server = http.createServer((req, res) => {
    let body = '';
    req.on('data', (chunk: Buffer) => (body += chunk.toString()));
    req.on('end', () => answer(req, res, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url, close, server };
}

async function withServer(answer: Answer, run: (client: Client, url: string) => Promise<void>): Promise<void> {
  const { url, close } = await serve(answer);
  const client = createClient({ server: url, token: () => 'secret', userAgent: 'test' }, { requestTimeoutMs: 300 });
  try {
    await run(client, url);
  } finally {
    client.close();
    await close();
  }
}

const json = (res: http.ServerResponse, status: number, body: unknown, headers = {}) => {
  res.writeHead(status, { 'content-type': 'application/json', ...headers });
  res.end(JSON.stringify(body));
};
const object = (name: string, version = '1') => ({
  metadata: { name, namespace: 'x', resourceVersion: version, uid: name },
});
const line = (type: string, name: string, version: string) =>
  `${JSON.stringify({ type, object: object(name, version) })}\n`;

test('requests carry method, path, body, token and user agent', async () => {
  const seen: string[] = [];
  await withServer(
    (req, res, body) => {
      const { authorization, 'user-agent': agent, 'content-type': type } = req.headers;
      seen.push([req.method, req.url, authorization, agent, type ?? '-', body].join(' '));
      json(res, 200, object('a'));
    },
    async (client) => {
      const api = client.resource(configMaps);
      await api.get('a', 'x');
      await api.patch('a', { data: null }, { type: 'strategic', namespace: 'x', fieldManager: 'me' });
      await api.delete('a', { namespace: 'x', propagationPolicy: 'Orphan', preconditions: { uid: 'u' } });
      await client.resource(namespaces).updateSubresource('n', 'finalize', { a: 1 });
      await client.resource(services).create({ apiVersion: '', kind: '', metadata: { name: 's', namespace: 'x' } });
    },
  );
  assert.deepEqual(seen, [
    'GET /api/v1/namespaces/x/configmaps/a Bearer secret test - ',
    'PATCH /api/v1/namespaces/x/configmaps/a?fieldManager=me Bearer secret test application/strategic-merge-patch+json {"data":null}',
    'DELETE /api/v1/namespaces/x/configmaps/a Bearer secret test application/json {"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Orphan","preconditions":{"uid":"u"}}',
    'PUT /api/v1/namespaces/n/finalize Bearer secret test application/json {"a":1}',
    'POST /api/v1/namespaces/x/services Bearer secret test application/json {"apiVersion":"v1","kind":"Service","metadata":{"name":"s","namespace":"x"}}',
  ]);
});

test('a list fills in kind and apiVersion, which Kubernetes leaves out of items', async () => {
  await withServer(
    (_, res) => json(res, 200, { metadata: { resourceVersion: '7', continue: 'c' }, items: [object('a')] }),
    async (client) => {
      const { items, resourceVersion, continue: more } = await client.resource(configMaps).list({ limit: 1 });
      assert.deepEqual([items[0]?.kind, items[0]?.apiVersion, resourceVersion, more], ['ConfigMap', 'v1', '7', 'c']);
    },
  );
});

test('failures become StatusErrors, whatever the body', async () => {
  const status = { kind: 'Status', status: 'Failure', message: 'stale', reason: 'Conflict', code: 409 };
  const answers: Answer[] = [
    (_, res) => json(res, 409, status),
    (_, res) => res.writeHead(502).end('bad gateway'),
    (_, res) => res.writeHead(404).end(),
  ];
  await withServer(
    (req, res, body) => answers.shift()?.(req, res, body),
    async (client) => {
      const api = client.resource(configMaps);
      await assert.rejects(api.get('a', 'x'), (e) => isConflict(e) && (e as Error).message === 'stale');
      await assert.rejects(api.get('a', 'x'), (e) => e instanceof StatusError && /502: bad gateway/.test(e.message));
      await assert.rejects(api.get('a', 'x'), (e) => e instanceof StatusError && e.reason === 'NotFound');
    },
  );
});

test('a busy server is asked again after the wait it names', async () => {
  let asked = 0;
  await withServer(
    (_, res) => (++asked < 3 ? json(res, 429, {}, { 'retry-after': '0' }) : json(res, 200, object('a'))),
    async (client) => void (await client.resource(configMaps).get('a', 'x')),
  );
  assert.equal(asked, 3);
});

test('no answer in time, a closed port and a dropped connection are connection errors that say where', async () => {
  await withServer(
    () => undefined,
    async (client) => {
      await assert.rejects(client.get('/slow'), (e) => isConnectionError(e) && /no answer in 300 ms/.test(String(e)));
    },
  );
  await withServer(
    (req) => req.socket.destroy(),
    async (client) => assert.rejects(client.get('/drop'), isConnectionError),
  );
  const { url, close } = await serve(() => undefined);
  await close();
  const client = createClient({ server: url });
  await assert.rejects(client.get('/x'), (e) => isConnectionError(e) && String(e).includes(`${url}/x`));
  client.close();
});

test('kept connections that the server closed, one or all of them, are replaced unseen for a read', async () => {
  const used = new Set<unknown>();
  const waiting: (() => void)[] = [];
  let refused = 0;
  const { url, close, server } = await serve((req, res) => {
    // The second request of a connection meets a closed one.
    if (used.has(req.socket)) {
      refused++;
      return void req.socket.destroy();
    }
    used.add(req.socket);
    // Three at once, so that there are three connections.
    waiting.push(() => json(res, 200, object('a')));
    if (used.size >= 3) for (const answer of waiting.splice(0)) answer();
  });
  server.keepAliveTimeout = 60_000;
  const client = createClient({ server: url });
  const get = () => client.resource(configMaps).get('a', 'x');
  await Promise.all([get(), get(), get()]);
  await get();
  assert.equal(refused, 3);
  client.close();
  await close();
});

test('a watch yields events however the network cuts them, and ends with the server', async () => {
  await withServer(
    (req, res) => {
      assert.match(req.url ?? '', /watch=true&resourceVersion=5&allowWatchBookmarks=true/);
      res.writeHead(200, { 'content-type': 'application/json' });
      const bookmark = JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '9' } } });
      const bytes = Buffer.from(`${line('ADDED', 'ä', '6')}${line('DELETED', 'b', '8')}${bookmark}\n`);
      // One byte at a time splits the two bytes of ä as well.
      let at = 0;
      const step = () => {
        if (at === bytes.length) return void res.end();
        res.write(bytes.subarray(at, ++at), step);
      };
      step();
    },
    async (client) => {
      const seen: string[] = [];
      let opened = 0;
      const options = { resourceVersion: '5', allowBookmarks: true, onOpen: () => void opened++ };
      for await (const e of client.resource(configMaps).watch(options, new AbortController().signal)) {
        seen.push(e.type === 'BOOKMARK' ? `B ${e.resourceVersion}` : `${e.type} ${e.object.metadata.name}`);
      }
      assert.deepEqual(seen, ['ADDED ä', 'DELETED b', 'B 9']);
      assert.equal(opened, 1);
    },
  );
});

test('a watch reports 410, garbage, a cut line and a reset; an abort ends it quietly', async () => {
  const gone = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } };
  const cases: [string, (res: http.ServerResponse) => void, RegExp | undefined][] = [
    ['410', (res) => res.end(`${JSON.stringify(gone)}\n`), /too old/],
    ['garbage', (res) => res.end('<html>\n'), /no JSON: <html>/],
    ['no event', (res) => res.end('[1]\n'), /no event/],
    ['cut', (res) => res.end('{"type":"ADDED","obj'), /cut inside an event/],
    ['reset', (res) => void res.write(line('ADDED', 'a', '2'), () => res.socket?.destroy()), /aborted/],
    ['abort', (res) => void res.write(line('ADDED', 'a', '2')), undefined],
  ];
  for (const [name, act, expected] of cases) {
    await withServer(
      (_, res) => {
        res.writeHead(200, { 'content-type': 'application/json' });
        act(res);
      },
      async (client) => {
        const abort = new AbortController();
        const read = async () => {
          for await (const e of client.resource(configMaps).watch({}, abort.signal)) {
            if (name === 'abort' && e.type === 'ADDED') abort.abort();
          }
        };
        if (expected === undefined) await read();
        else await assert.rejects(read(), expected, name);
      },
    );
  }
});

test('a server URL that is none is refused with an example', () => {
  assert.throws(() => createClient({ server: 'localhost:6443' }), /such as https/);
});
