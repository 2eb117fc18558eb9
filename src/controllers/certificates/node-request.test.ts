import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { Node } from '../../api/objects.ts';
import { createCsr, parseCsr, type CsrOptions } from '../../pki/index.ts';
import { judge, unsignable, type ApprovalFacts } from './node-request.ts';

const CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet';
const SERVING = 'kubernetes.io/kubelet-serving';
const clientUsages = ['digital signature', 'client auth'];
const servingUsages = ['digital signature', 'server auth'];

const csr = (o: Partial<CsrOptions> = {}) =>
  parseCsr(createCsr({ cn: 'system:node:a', orgs: ['system:nodes'], ...o }).csrPem);
const asToken = { signerName: CLIENT, usages: clientUsages, username: 'system:bootstrap:abcdef', groups: [] };
const asSelf = { signerName: CLIENT, usages: clientUsages, username: 'system:node:a', groups: ['system:nodes'] };
const serving = { ...asSelf, signerName: SERVING, usages: servingUsages };
const node: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'a', uid: '1', resourceVersion: '1', creationTimestamp: '' },
  status: {
    addresses: [
      { type: 'InternalIP', address: '10.0.0.1' },
      { type: 'InternalIP', address: 'fd00::1' },
      { type: 'Hostname', address: 'host-a' },
    ],
  },
};
const facts = (o: Partial<ApprovalFacts> = {}): ApprovalFacts => ({
  node: undefined,
  promised: false,
  may: async () => true,
  ...o,
});

void describe('what a node may have', () => {
  void it('approves the first certificate of a host with a token, and its own renewals', async () => {
    assert.equal((await judge(asToken, csr(), facts())).say, 'approve');
    assert.equal((await judge(asSelf, csr(), facts({ node }))).say, 'approve');
  });

  void it('asks whether the requester may, each for its own kind of request', async () => {
    const asked: string[] = [];
    const may = async (subresource: string) => {
      asked.push(subresource);
      return false;
    };
    assert.equal((await judge(asToken, csr(), facts({ may }))).say, 'leave');
    assert.equal((await judge(asSelf, csr(), facts({ may, node }))).say, 'leave');
    assert.deepEqual(asked, ['nodeclient', 'selfnodeclient']);
  });

  void it('refuses a name that is taken, and one that somebody else is just taking', async () => {
    const taken = await judge(asToken, csr(), facts({ node }));
    assert.deepEqual(taken, { say: 'deny', reason: 'NameTaken', message: 'a node named a is in the cluster already' });
    assert.equal((await judge(asToken, csr(), facts({ promised: true }))).say, 'deny');
  });

  void it('does not let a node become another one', async () => {
    const other = csr({ cn: 'system:node:b' });
    // It counts as a stranger: what a token may, a node may not.
    const may = async (subresource: string) => subresource === 'selfnodeclient';
    assert.equal((await judge(asSelf, other, facts({ may }))).say, 'leave');
    assert.equal((await judge(serving, csr({ cn: 'system:node:b', dnsNames: ['b'] }), facts({ node }))).say, 'deny');
  });

  void it('approves a serving certificate for names and addresses of the node only', async () => {
    const own = csr({ dnsNames: ['a', 'host-a'], ips: ['10.0.0.1', 'fd00:0:0:0:0:0:0:1'] });
    assert.equal((await judge(serving, own, facts({ node }))).say, 'approve');
    for (const foreign of [{ dnsNames: ['kubernetes'] }, { dnsNames: ['a'], ips: ['10.0.0.2'] }]) {
      assert.equal((await judge(serving, csr(foreign), facts({ node }))).say, 'deny');
    }
    assert.equal((await judge(serving, own, facts())).say, 'deny');
  });

  void it('leaves the requests of others to humans', async () => {
    for (const signerName of ['kubernetes.io/kube-apiserver-client', 'example.com/mine']) {
      assert.equal((await judge({ ...asToken, signerName }, csr(), facts())).say, 'leave');
    }
  });
});

void describe('what the signer refuses, whoever approved it', () => {
  const refused: readonly [what: string, spec: Parameters<typeof unsignable>[0], csr: Partial<CsrOptions>][] = [
    ['another organization', asToken, { orgs: ['system:nodes', 'system:masters'] }],
    ['no organization', asToken, { orgs: [] }],
    ['a user who is no node', asToken, { cn: 'admin' }],
    ['a node without a name', asToken, { cn: 'system:node:' }],
    ['a client certificate that names hosts', asToken, { dnsNames: ['a'] }],
    ['usages beyond the signer', { ...asToken, usages: [...clientUsages, 'server auth'] }, {}],
    ['usages that lack what is needed', { ...asToken, usages: ['client auth'] }, {}],
    ['a serving certificate without names', serving, {}],
    ['a serving certificate for somebody else', { ...serving, username: 'system:node:b' }, { dnsNames: ['a'] }],
    [
      'administrators',
      { ...asToken, signerName: 'kubernetes.io/kube-apiserver-client' },
      { cn: 'me', orgs: ['system:masters'] },
    ],
    ['a signer of others', { ...asToken, signerName: 'example.com/mine' }, {}],
  ];
  for (const [what, spec, options] of refused) {
    void it(what, () => assert.notEqual(unsignable(spec, csr(options)), undefined));
  }
  void it('and what it signs', () => {
    assert.equal(unsignable(asToken, csr()), undefined);
    assert.equal(unsignable(serving, csr({ dnsNames: ['a'] })), undefined);
    const user = { ...asToken, signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'] };
    assert.equal(unsignable(user, csr({ cn: 'jane', orgs: ['developers'] })), undefined);
  });
});
