import assert from 'node:assert/strict';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { test } from 'node:test';
import { createCa, issueCert } from '../pki/index.ts';
import type { ClientConfig } from './contract.ts';
import { isConnectionError } from './connection-error.ts';
import { createClient } from './create-client.ts';

const ca = createCa('test');
const other = createCa('other');
const served = issueCert(ca, { cn: 'server', dnsNames: ['kubernetes'], ips: ['127.0.0.1'], usages: ['server'] });
const alice = issueCert(ca, { cn: 'alice', usages: ['client'] });

/** Asks who the server thinks we are. */
async function whoAmI(config: Partial<ClientConfig>): Promise<unknown> {
  const server = https.createServer(
    { cert: served.certPem, key: served.keyPem, ca: ca.certPem, requestCert: true, rejectUnauthorized: false },
    (req, res) => {
      const { subject } = (req.socket as TLSSocket).getPeerCertificate();
      res.end(subject?.CN ?? 'nobody');
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = createClient({ server: `https://127.0.0.1:${port}`, ...config });
  try {
    return await client.get('/');
  } finally {
    client.close();
    server.closeAllConnections();
    server.close();
  }
}

test('the client certificate says who we are', async () => {
  assert.equal(await whoAmI({ caPem: ca.certPem }), 'nobody');
  assert.equal(await whoAmI({ caPem: ca.certPem, certPem: alice.certPem, keyPem: alice.keyPem }), 'alice');
});

test('a server that the CA does not know is refused, unless that is asked for', async () => {
  await assert.rejects(whoAmI({ caPem: other.certPem }), isConnectionError);
  assert.equal(await whoAmI({ caPem: other.certPem, insecureSkipVerify: true }), 'nobody');
});

test('the name to check can differ from the address', async () => {
  assert.equal(await whoAmI({ caPem: ca.certPem, tlsServerName: 'kubernetes' }), 'nobody');
  await assert.rejects(whoAmI({ caPem: ca.certPem, tlsServerName: 'elsewhere' }), isConnectionError);
});
