// What is secret stays so: nothing of a Secret, a token or a body stands in the log, the audit log or the metrics,
// whatever goes wrong with the request that carries it.
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { test } from 'node:test';
import { createLogger } from '../log/index.ts';
import { Registry } from '../metrics/index.ts';
import { createMemoryStore } from '../store/index.ts';
import { listenTls, startTestServer } from './testing/test-server.ts';

const SECRET = 'correct-horse-battery-staple';
const ENCODED = Buffer.from(SECRET).toString('base64');
const SECRETS = '/api/v1/namespaces/default/secrets';

test('secrets, tokens and bodies appear in no log, no audit line and no metric', async () => {
  const written: string[] = [];
  const log = createLogger({ level: 'debug', write: (line) => void written.push(line) });
  const metrics = new Registry();
  const store = createMemoryStore();
  await using server = await startTestServer({ log, metrics, store, audit: (line) => void written.push(line) });
  const tls = await listenTls(server);
  const admin = tls.issue('admin', ['system:masters']);
  const answers: number[] = [];
  const ask = (method: string, path: string, body?: string, headers: Record<string, string> = {}) =>
    new Promise<string>((resolve, reject) => {
      const asked = request(
        {
          host: '127.0.0.1',
          port: tls.port,
          method,
          path,
          ca: tls.ca.certPem,
          agent: false,
          ...(headers['authorization'] === undefined ? { cert: admin.certPem, key: admin.keyPem } : {}),
          headers: { 'content-type': 'application/json', ...headers },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          response.on('end', () => {
            answers.push(response.statusCode ?? 0);
            resolve(text);
          });
        },
      );
      asked.on('error', reject);
      asked.end(body);
    });

  const secret = (name: string, more = '') =>
    `{"metadata":{"name":"${name}"},"stringData":{"password":"${SECRET}"},"data":{"other":"${ENCODED}"}${more}}`;
  await ask('POST', SECRETS, secret('s'));
  await ask('GET', `${SECRETS}/s`);
  await ask('PUT', `${SECRETS}/s`, secret('s'));
  const merge = { 'content-type': 'application/merge-patch+json' };
  await ask('PATCH', `${SECRETS}/s`, `{"stringData":{"password":"${SECRET}"}}`, merge);
  // Whatever is wrong with it.
  await ask('POST', SECRETS, secret('s'));
  await ask('POST', SECRETS, secret('Not A Name'));
  await ask('POST', `${SECRETS}?fieldValidation=Strict`, secret('odd', `,"${SECRET}":1`));
  await ask('POST', SECRETS, `{"data":{"password":"${SECRET}`);
  await ask('POST', SECRETS, SECRET, { 'content-type': 'text/plain' });
  await ask('PATCH', `${SECRETS}/s`, `[{"op":"test","path":"/data/a","value":"${SECRET}"}]`, {
    'content-type': 'application/json-patch+json',
  });
  await ask('GET', SECRETS, undefined, { authorization: `Bearer ${SECRET}` });
  // A fault of the server's own is logged with its cause.
  store.get = () => Promise.reject(new Error('the disk is gone'));
  await ask('POST', SECRETS, secret('late'));

  assert.deepEqual(
    new Set([201, 200, 409, 422, 400, 415, 401, 500].map((s) => answers.includes(s))),
    new Set([true]),
    String(answers),
  );
  written.push(metrics.render());
  const all = written.join('\n');
  assert.match(all, /the disk is gone/);
  assert.match(all, /"resource":"secrets"/);
  for (const word of [SECRET, ENCODED]) assert.ok(!all.includes(word), 'the secret is in a log');
});

test('a token that is made for an account is in the answer and nowhere else', async () => {
  const written: string[] = [];
  const log = createLogger({ level: 'debug', write: (line) => void written.push(line) });
  await using server = await startTestServer({ log, audit: (line) => void written.push(line) });
  const accounts = '/api/v1/namespaces/default/serviceaccounts';
  await server.ok('POST', accounts, { metadata: { name: 'a' } });
  const { status } = await server.ok('POST', `${accounts}/a/token`, { spec: {} });
  const review = { spec: { token: status.token } };
  assert.equal(
    (await server.ok('POST', '/apis/authentication.k8s.io/v1/tokenreviews', review)).status.authenticated,
    true,
  );
  const signature = String(status.token).split('.')[2] ?? '';
  assert.ok(signature.length > 20);
  assert.ok(written.length > 2);
  assert.ok(!written.join('\n').includes(signature));
});
