// Who may come in: TLS with client certificates, and users with passwords.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, it } from 'node:test';
import { createCa, issueCert } from '../../pki/index.ts';
import { startEtcd } from '../testing/etcd-cluster.ts';
import { openEtcdStore, type EtcdStoreOptions } from './etcd-store.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'portico-etcd-access-'));
after(() => rmSync(dir, { recursive: true, force: true }));
const file = (name: string, text: string): string => {
  writeFileSync(path.join(dir, name), text, { mode: 0o600 });
  return path.join(dir, name);
};

async function writesAndReads(options: EtcdStoreOptions): Promise<void> {
  const store = await openEtcdStore(options);
  await store.commit([], [{ type: 'put', key: '/registry/a/x', value: '1' }]);
  assert.equal((await store.get('/registry/a/x'))?.value, '1');
  await store.close();
}

void it('shows its certificate, and trusts only the authority it was given', { timeout: 60_000 }, async () => {
  const ca = createCa('etcd-ca');
  const own = issueCert(ca, { cn: 'etcd', ips: ['127.0.0.1'], usages: ['server', 'client'] });
  const client = issueCert(ca, { cn: 'portico', usages: ['client'] });
  const caFile = file('ca.crt', ca.certPem);
  const certFile = file('client.crt', client.certPem);
  const keyFile = file('client.key', client.keyPem);
  const etcd = await startEtcd({
    flags: [
      `--cert-file=${file('etcd.crt', own.certPem)}`,
      `--key-file=${file('etcd.key', own.keyPem)}`,
      `--trusted-ca-file=${caFile}`,
      '--client-cert-auth',
    ],
  });
  try {
    await writesAndReads({ url: etcd.url, caFile, certFile, keyFile });
    const brief = { url: etcd.url, patienceMs: 200 };
    await assert.rejects(openEtcdStore({ ...brief, caFile }), /etcd at 127\.0\.0\.1/);
    const strange = file('strange.crt', createCa('another').certPem);
    await assert.rejects(openEtcdStore({ ...brief, caFile: strange, certFile, keyFile }), /certificate/);
    await assert.rejects(openEtcdStore({ ...brief, caFile, certFile }), /--etcd-certfile and --etcd-keyfile/);
    await assert.rejects(openEtcdStore({ ...brief, caFile: '/nowhere' }), /\/nowhere cannot be read/);
  } finally {
    await etcd.close();
  }
});

void it('comes in with a password, and says what to do without one', { timeout: 60_000 }, async () => {
  const etcd = await startEtcd();
  try {
    const url = etcd.members[0]?.clientUrl ?? '';
    await writesAndReads({ url: etcd.url });
    for (const step of ['user add root:secret', 'role add root', 'user grant-role root root', 'auth enable']) {
      execFileSync('etcdctl', ['--endpoints', url, ...step.split(' ')], { stdio: 'pipe' });
    }
    const brief = { url: etcd.url, patienceMs: 200 };
    await writesAndReads({ ...brief, credentialsFile: file('user', 'root:secret\n') });
    await assert.rejects(openEtcdStore(brief), /--etcd-credentials FILE/);
    await assert.rejects(
      openEtcdStore({ ...brief, credentialsFile: file('wrong', 'root:guess\n') }),
      /authentication failed, invalid user ID or password/,
    );
    await assert.rejects(openEtcdStore({ ...brief, credentialsFile: file('empty', 'secret\n') }), /USER:PASSWORD/);
  } finally {
    await etcd.close();
  }
});
