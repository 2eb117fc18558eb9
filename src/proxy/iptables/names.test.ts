import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointChain, hashName, portChains } from './names.ts';

const VECTORS: readonly (readonly [string, string])[] = [
  ['ns1/svc1:p80tcp', 'XPGD46QRK7WJZT7O'],
  ['ns1/svc1:p80tcp10.180.0.1:80', 'SXIVWICOYRO3J4NJ'],
  ['default/kubernetes:httpstcp', 'NPX46M4PTMTKRN6Y'],
  ['kube-system/kube-dns:dnsudp', 'TCOU7JCQXEZGVUNU'],
  ['kube-system/kube-dns:dns-tcptcp', 'ERIFXISQEP7F7OF4'],
  ['default/nginxtcp', '2CMXP7HKUVJN7L6M'],
  ['default/web:httptcp[fd00::1]:80', 'GGKG5JLQ6HWVV66M'],
];

test('hashName() agrees with the names that kube-proxy gives', () => {
  for (const [text, hash] of VECTORS) assert.equal(hashName(text, 16), hash, text);
  assert.equal(hashName('ns1/svc1/tcp/p80', 8), 'ULMVA6XW');
});

test('portChains() and endpointChain() put the kind of chain before the hash', () => {
  const port = { id: 'default/nginx', protocol: 'tcp' } as const;
  assert.equal(portChains(port).cluster, 'KUBE-SVC-2CMXP7HKUVJN7L6M');
  assert.equal(portChains(port).external, 'KUBE-EXT-2CMXP7HKUVJN7L6M');
  assert.equal(endpointChain(port, { text: '10.0.1.79:80' }), 'KUBE-SEP-XZRG5L6J3WL7H422');
  assert.equal(endpointChain(port, { text: '10.0.0.224:80' }), 'KUBE-SEP-HZXSYA2C4E7MQSH3');
});
