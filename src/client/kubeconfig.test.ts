import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { ManualClock } from '../clock/index.ts';
import { inClusterConfig } from './in-cluster-config.ts';
import { loadKubeconfig } from './kubeconfig.ts';
import { tokenFromFile } from './token-file.ts';

const dir = mkdtempSync(path.join(os.tmpdir(), 'kubeconfig-'));
after(() => rmSync(dir, { recursive: true }));
const file = (name: string, text: string) => {
  writeFileSync(path.join(dir, name), text);
  return path.join(dir, name);
};
const base64 = (text: string) => Buffer.from(text).toString('base64');

const config = (user: string, cluster = '') => `
current-context: main
contexts:
- {name: main, context: {cluster: c, user: u}}
- {name: other, context: {cluster: c2, user: ''}}
clusters:
- name: c
  cluster:
    server: https://127.0.0.1:6443
    certificate-authority-data: ${base64('CA')}
    ${cluster}
- {name: c2, cluster: {server: 'https://other:1'}}
users:
- name: u
  user:
    ${user}
`;

test('certificates come from data or from files beside the kubeconfig', () => {
  file('cert.pem', 'CERT');
  const where = file('a.yaml', config(`{client-certificate: cert.pem, client-key-data: ${base64('KEY')}}`));
  assert.deepEqual(loadKubeconfig(where), {
    server: 'https://127.0.0.1:6443',
    caPem: 'CA',
    certPem: 'CERT',
    keyPem: 'KEY',
  });
});

test('text, JSON, another context, tokens and TLS options', () => {
  const text = config('{token: t}', 'tls-server-name: kube\n    insecure-skip-tls-verify: true');
  assert.deepEqual(loadKubeconfig(text), {
    server: 'https://127.0.0.1:6443',
    caPem: 'CA',
    insecureSkipVerify: true,
    tlsServerName: 'kube',
    token: 't',
  });
  assert.deepEqual(loadKubeconfig(text, { context: 'other' }), { server: 'https://other:1' });
  const json = {
    'current-context': 'a',
    contexts: [{ name: 'a', context: { cluster: 'a' } }],
    clusters: [{ name: 'a', cluster: { server: 'https://a' } }],
  };
  assert.deepEqual(loadKubeconfig(JSON.stringify(json)), { server: 'https://a' });
});

test('what cannot work is said, with what to do', () => {
  const cases: [string, RegExp][] = [
    [config('{exec: {command: aws}}'), /plug-in .* use a client certificate or a token/],
    [config('{username: u, password: p}'), /no longer takes a user name/],
    [config('{client-key-data: aGk=}'), /needs both a client certificate and its key/],
    [config('{client-certificate: nope.pem, client-key-data: aGk=}'), /cannot read client-certificate from .*nope.pem/],
    [config('{}', 'proxy-url: http://p'), /proxy-url is not supported/],
    [config('{}').replace('user: u}', 'user: who}'), /has no user "who"; it has "u"/],
    [config('{}').replace('current-context: main', ''), /has no current-context/],
    ['a: [\n', /cannot be parsed/],
    ['\n', /is empty/],
  ];
  for (const [text, expected] of cases) assert.throws(() => loadKubeconfig(text), expected);
  assert.throws(() => loadKubeconfig(path.join(dir, 'missing')), /cannot read the kubeconfig .*missing/);
});

test('a token file is read again after a while, and a failed read keeps the last token', () => {
  const clock = new ManualClock();
  const where = file('token', 'one\n');
  const token = tokenFromFile(where, clock);
  assert.equal(token(), 'one');
  writeFileSync(where, 'two');
  assert.equal(token(), 'one');
  clock.advance(10_000);
  assert.equal(token(), 'two');
  rmSync(where);
  clock.advance(10_000);
  assert.equal(token(), 'two');
  assert.throws(() => tokenFromFile(where, clock)(), /cannot read the bearer token/);
});

test('in a pod the configuration comes from the environment and the mounted account', () => {
  file('ca.crt', 'CA');
  file('token', 'T');
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
  const { token, ...rest } = inClusterConfig({ env, accountDir: dir });
  assert.deepEqual(rest, { server: 'https://[fd00::1]:443', caPem: 'CA' });
  assert.equal(typeof token === 'function' ? token() : '', 'T');
  assert.throws(() => inClusterConfig({ env: {} }), /not in a pod/);
});

test('further servers of the cluster are an extension of ours; what is no server is left out', () => {
  const config = (extension: unknown) =>
    loadKubeconfig(
      JSON.stringify({
        'current-context': 'x',
        contexts: [{ name: 'x', context: { cluster: 'c', user: '' } }],
        clusters: [
          {
            name: 'c',
            cluster: { server: 'https://192.0.2.1:6443', extensions: [{ name: 'portico/servers', extension }] },
          },
        ],
      }),
    ).others?.();
  assert.deepEqual(config({ servers: ['https://192.0.2.2:6443', 7, 'http://x'] }), ['https://192.0.2.2:6443']);
  assert.equal(config({ servers: [] }), undefined);
  assert.equal(config('nonsense'), undefined);
});
