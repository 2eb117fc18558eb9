// Whole numbers of 64 bits: kept exactly up to 2⁵³, refused beyond, in every notation of a body.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestServer } from './testing/test-server.ts';

const SETS = '/apis/apps/v1/namespaces/default/controllerrevisions';
const LARGEST = Number.MAX_SAFE_INTEGER;

/** ControllerRevision {metadata {name}, revision} in Kubernetes' envelope, written by hand. */
function protobuf(name: string, revision: bigint): Buffer {
  const varint = (value: bigint): number[] => {
    const bytes: number[] = [];
    for (let rest = BigInt.asUintN(64, value); ; rest >>= 7n) {
      if (rest < 0x80n) return [...bytes, Number(rest)];
      bytes.push(Number(rest & 0x7fn) | 0x80);
    }
  };
  const chunk = (field: number, bytes: Uint8Array): Buffer =>
    Buffer.from([field * 8 + 2, ...varint(BigInt(bytes.length)), ...bytes]);
  const text = (field: number, value: string): Buffer => chunk(field, Buffer.from(value));
  const object = Buffer.concat([chunk(1, text(1, name)), Buffer.from([3 * 8, ...varint(revision)])]);
  const type = Buffer.concat([text(1, 'apps/v1'), text(2, 'ControllerRevision')]);
  return Buffer.concat([Buffer.from('k8s\0'), chunk(1, type), chunk(2, object)]);
}

test('64-bit numbers are kept exactly or refused, as JSON, YAML and protobuf', async () => {
  await using server = await startTestServer();
  const post = (type: string, body: string | Buffer) =>
    server.call('POST', SETS, Buffer.from(body), { headers: { 'content-type': type } });
  const forms = {
    json: (name: string, n: bigint) => post('application/json', `{"metadata":{"name":"${name}"},"revision":${n}}`),
    yaml: (name: string, n: bigint) => post('application/yaml', `metadata: {name: ${name}}\nrevision: ${n}\n`),
    protobuf: (name: string, n: bigint) => post('application/vnd.kubernetes.protobuf', protobuf(name, n)),
  };
  for (const [form, send] of Object.entries(forms)) {
    const kept = await send(form, BigInt(LARGEST));
    assert.deepEqual([kept.status, kept.body.revision], [201, LARGEST], form);
    assert.equal((await server.ok('GET', `${SETS}/${form}`)).revision, LARGEST, form);
    for (const n of [BigInt(LARGEST) + 1n, BigInt(LARGEST) + 2n, 2n ** 63n - 1n]) {
      const { status, body } = await send(`${form}-beyond`, n);
      assert.equal(status, 400, `${form} ${n}`);
      assert.match(
        body.message,
        /cannot unmarshal number \d+ into Go struct field ControllerRevision\.revision of type int64/,
      );
    }
    assert.equal((await server.call('GET', `${SETS}/${form}-beyond`)).status, 404);
  }
  const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
  const patched = await server.call('PATCH', `${SETS}/json`, Buffer.from('{"revision":9007199254740993}'), merge);
  assert.equal(patched.status, 400);
  assert.equal((await server.ok('GET', `${SETS}/json`)).revision, LARGEST);
});
