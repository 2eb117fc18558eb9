import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, sign, verify, X509Certificate } from 'node:crypto';
import { connect, createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { test } from 'node:test';
import {
  caFingerprint,
  certificateValidity,
  createCa,
  createCsr,
  generateServiceAccountKey,
  issueCert,
  parseCsr,
  signCsr,
} from './index.ts';
import { fromPem } from './pem.ts';

test('createCa() makes a self-signed authority that verifies itself', () => {
  const ca = createCa('portico');
  const certificate = new X509Certificate(ca.certPem);
  assert.equal(certificate.subject, 'CN=portico');
  assert.equal(certificate.ca, true);
  assert.ok(certificate.verify(certificate.publicKey));
  assert.ok(certificate.checkIssued(certificate));
  assert.ok(certificate.checkPrivateKey(createPrivateKey(ca.keyPem)));
});

test('issueCert() names user, groups, hosts and addresses, with a serial of its own', () => {
  const ca = createCa('portico');
  const options = {
    cn: 'system:node:node-1',
    orgs: ['system:nodes', 'more'],
    dnsNames: ['kubernetes.default.svc', 'localhost'],
    ips: ['10.96.0.1', 'fd00:10:96::1', '::ffff:1.2.3.4', '::'],
    usages: ['server', 'client'] as const,
    days: 30,
  };
  const certificate = new X509Certificate(issueCert(ca, options).certPem);
  assert.equal(certificate.subject, 'O=system:nodes\nO=more\nCN=system:node:node-1');
  assert.equal(certificate.issuer, 'CN=portico');
  assert.equal(
    certificate.subjectAltName,
    'DNS:kubernetes.default.svc, DNS:localhost, IP Address:10.96.0.1, IP Address:FD00:10:96:0:0:0:0:1, ' +
      'IP Address:0:0:0:0:0:FFFF:102:304, IP Address:0:0:0:0:0:0:0:0',
  );
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  assert.equal(certificate.ca, false);
  assert.ok(certificate.verify(new X509Certificate(ca.certPem).publicKey));
  assert.ok(certificate.checkIssued(new X509Certificate(ca.certPem)));
  const other = new X509Certificate(issueCert(ca, options).certPem);
  assert.notEqual(certificate.serialNumber, other.serialNumber);
  assert.equal(certificate.serialNumber.length, 32);
  assert.throws(() => issueCert(ca, { cn: 'x', usages: [], ips: ['nonsense'] }), /"nonsense" is not an IP address/);
});

test('certificateValidity() reads what was asked for, also beyond 2049', () => {
  const days = 30 * 365;
  const { notBefore, notAfter } = certificateValidity(createCa('long', days).certPem);
  assert.ok(notBefore.getTime() < Date.now());
  assert.ok(Math.abs(notAfter.getTime() - (Date.now() + days * 86_400_000)) < 60_000);
});

test('issueCert() refuses a certificate that is no authority and a key that is not its own', () => {
  const ca = createCa('portico');
  const leaf = issueCert(ca, { cn: 'a', usages: ['client'] });
  assert.throws(() => issueCert(leaf, { cn: 'b', usages: [] }), /not a certificate authority/);
  assert.throws(() => issueCert({ ...ca, keyPem: leaf.keyPem }, { cn: 'b', usages: [] }), /does not belong/);
});

test('a TLS server and a client certificate authenticate each other', async () => {
  const ca = createCa('portico');
  const server = issueCert(ca, { cn: 'apiserver', dnsNames: ['localhost'], ips: ['127.0.0.1'], usages: ['server'] });
  const client = issueCert(ca, { cn: 'admin', orgs: ['system:masters'], usages: ['client'] });
  const listener = createServer({ cert: server.certPem, key: server.keyPem, ca: ca.certPem, requestCert: true });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  assert.ok(address !== null && typeof address === 'object');
  const accepted = new Promise<TLSSocket>((resolve) => listener.once('secureConnection', resolve));
  const socket = connect({
    port: address.port,
    host: '127.0.0.1',
    ca: ca.certPem,
    cert: client.certPem,
    key: client.keyPem,
  });
  const peer = await accepted;
  assert.equal(peer.authorized, true);
  assert.equal(peer.getPeerCertificate().subject.CN, 'admin');
  assert.equal(peer.getPeerCertificate().subject.O, 'system:masters');
  socket.destroy();
  peer.destroy();
  listener.close();
});

test('signCsr() signs what a host asked for and keeps the key with the host', () => {
  const ca = createCa('portico');
  const { csrPem, keyPem } = createCsr({
    cn: 'system:node:n',
    orgs: ['system:nodes'],
    dnsNames: ['n'],
    ips: ['10.0.0.1'],
  });
  assert.deepEqual(parseCsr(csrPem).subject, { cn: 'system:node:n', orgs: ['system:nodes'] });
  const certificate = new X509Certificate(signCsr(ca, csrPem, { usages: ['client'] }));
  assert.equal(certificate.subject, 'O=system:nodes\nCN=system:node:n');
  assert.equal(certificate.subjectAltName, 'DNS:n, IP Address:10.0.0.1');
  assert.ok(certificate.checkPrivateKey(createPrivateKey(keyPem)));
  const again = createCsr({ cn: 'system:node:n', keyPem });
  assert.equal(again.keyPem, keyPem);
  assert.deepEqual(parseCsr(again.csrPem).dnsNames, []);
});

test('parseCsr() refuses a request that was changed after it was signed', () => {
  const { csrPem } = createCsr({ cn: 'system:node:n' });
  const der = fromPem('CERTIFICATE REQUEST', csrPem);
  der[der.indexOf('system:node:n')] = 'S'.charCodeAt(0);
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  assert.throws(() => parseCsr(forged), /signature of the signing request does not match/);
  assert.throws(() => parseCsr('hello'), /no "CERTIFICATE REQUEST" block/);
});

test('caFingerprint() is the SHA-256 of the public key, the same for every certificate of that key', () => {
  const ca = createCa('portico');
  assert.match(caFingerprint(ca.certPem), /^sha256:[0-9a-f]{64}$/);
  assert.notEqual(caFingerprint(ca.certPem), caFingerprint(createCa('portico').certPem));
});

test('generateServiceAccountKey() gives a pair that signs and verifies ES256', () => {
  const key = generateServiceAccountKey();
  const signature = sign('sha256', Buffer.from('token'), { key: key.privateKeyPem, dsaEncoding: 'ieee-p1363' });
  assert.equal(signature.length, 64);
  const publicKey = createPublicKey(key.publicKeyPem);
  assert.ok(verify('sha256', Buffer.from('token'), { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature));
});
