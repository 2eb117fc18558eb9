import assert from 'node:assert/strict';
import { test } from 'node:test';
import dnsPacket from 'dns-packet';
import fc from 'fast-check';
import {
  Class,
  decodeMessage,
  DnsWireError,
  encodeMessage,
  Flag,
  formatRecord,
  joinLabels,
  parseName,
  parseRecord,
  ROOT,
  Type,
} from './index.ts';
import type { Message, ResourceRecord, WireName } from './index.ts';

const label = fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
// Few labels and a shared stem, so that compression has something to do.
const name: fc.Arbitrary<WireName> = fc.oneof(
  fc
    .array(fc.oneof(label, fc.constantFrom('a', 'A', 'svc', 'cluster', 'local')), { maxLength: 5 })
    .map((l) => joinLabels(l, ROOT)),
  fc.constantFrom('svc1.ns.svc.cluster.local', 'SVC1.ns.svc.cluster.local', 'ns.svc.cluster.local').map(parseName),
);
const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((b) => Buffer.from(b).toString('latin1'));
const rdataOf: fc.Arbitrary<{ type: number; rdata: string }> = fc.oneof(
  bytes(4).map((rdata) => ({ type: Type.A as number, rdata })),
  bytes(16).map((rdata) => ({ type: Type.AAAA, rdata })),
  fc.tuple(fc.constantFrom(Type.NS, Type.CNAME, Type.PTR, Type.DNAME), name).map(([type, rdata]) => ({ type, rdata })),
  fc.tuple(bytes(6), name).map(([head, target]) => ({ type: Type.SRV, rdata: head + target })),
  fc.tuple(bytes(2), name).map(([head, target]) => ({ type: Type.MX, rdata: head + target })),
  fc.tuple(name, name, bytes(20)).map(([m, r, tail]) => ({ type: Type.SOA, rdata: m + r + tail })),
  fc.uint8Array({ maxLength: 40 }).map((b) => ({ type: 65280, rdata: Buffer.from(b).toString('latin1') })),
);
const record: fc.Arbitrary<ResourceRecord> = fc
  .record({ name, ttl: fc.nat(0x7fffffff), body: rdataOf })
  .map(({ name: n, ttl, body }) => ({ name: n, class: Class.IN, ttl, ...body }));
const message: fc.Arbitrary<Message> = fc
  .record({
    id: fc.nat(0xffff),
    flags: fc.nat(0xfff).map((f) => (f << 4) & ~Flag.TC),
    rcode: fc.nat(15),
    questions: fc.array(fc.record({ name, type: fc.nat(0xffff), class: fc.nat(0xffff) }, { noNullPrototype: true }), {
      maxLength: 1,
    }),
    answers: fc.array(record, { maxLength: 12 }),
    authorities: fc.array(record, { maxLength: 3 }),
    additionals: fc.array(record, { maxLength: 6 }),
    edns: fc.option(
      fc.record(
        {
          udpSize: fc.nat(0xffff),
          version: fc.constant(0),
          dnssecOk: fc.boolean(),
          options: fc
            .array(fc.tuple(fc.nat(0xffff), bytes(5)), { maxLength: 3 })
            .map((all) => all.map(([code, data]) => ({ code, data }))),
        },
        { noNullPrototype: true },
      ),
      { nil: undefined },
    ),
  })
  .map(({ edns, ...rest }) => (edns === undefined ? rest : { ...rest, edns }));

test('a message survives encoding and decoding, names compressed', () => {
  fc.assert(
    fc.property(message, (m) => assert.deepEqual(decodeMessage(encodeMessage(m)), m)),
    { numRuns: 300 },
  );
});

test('an encoded message means the same to another decoder', () => {
  const plain = fc.constantFrom('a.example', 'b.a.example', 'svc.cluster.local').map((n) => parseName(n));
  const records = fc.array(fc.tuple(plain, bytes(4)), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(records, plain, (rows, qname) => {
      const answers = rows.map(([n, rdata]) => ({ name: n, type: Type.A, class: Class.IN, ttl: 5, rdata }));
      const cname = { name: qname, type: Type.CNAME, class: Class.IN, ttl: 5, rdata: qname };
      const questions = [{ name: qname, type: Type.A, class: Class.IN }];
      const wire = encodeMessage({
        id: 7,
        flags: Flag.QR,
        rcode: 0,
        questions,
        answers: [cname, ...answers],
        authorities: [],
        additionals: [],
      });
      const other = dnsPacket.decode(wire);
      const shown = (other.answers ?? []).map(
        (a) => `${a.name}. ${a.type} ${'data' in a && typeof a.data === 'string' ? a.data : ''}`,
      );
      const ours = [cname, ...answers].map((r) => formatRecord(r).replace(/^(\S+) 5 IN (\S+) (\S+?)\.?$/, '$1 $2 $3'));
      assert.deepEqual(shown, ours);
    }),
    { numRuns: 100 },
  );
});

test('thirty addresses fit into 512 bytes without EDNS, each owner one pointer', () => {
  const qname = parseName('headless.default.svc.cluster.local');
  const answers = Array.from({ length: 27 }, (_, i) =>
    parseRecord(`headless.default.svc.cluster.local. 30 A 10.0.0.${i}`),
  );
  const questions = [{ name: qname, type: Type.A, class: Class.IN }];
  const wire = encodeMessage({ id: 1, flags: Flag.QR, rcode: 0, questions, answers, authorities: [], additionals: [] });
  assert.ok(wire.length <= 512, `${wire.length} bytes`);
  assert.equal(wire.toString('latin1').split('\xc0\x0c').length - 1, 27);
});

test('cutting to a size keeps a prefix, says TC, and never loses the OPT', () => {
  fc.assert(
    fc.property(message, fc.integer({ min: 0, max: 900 }), (m, extra) => {
      const bare = encodeMessage({ ...m, answers: [], authorities: [], additionals: [] }).length;
      const limit = bare + extra;
      const wire = encodeMessage(m, limit);
      assert.ok(wire.length <= limit);
      const cut = decodeMessage(wire);
      assert.deepEqual(cut.edns, m.edns);
      assert.deepEqual(cut.answers, m.answers.slice(0, cut.answers.length));
      assert.deepEqual(cut.authorities, m.authorities.slice(0, cut.authorities.length));
      assert.deepEqual(cut.additionals, m.additionals.slice(0, cut.additionals.length));
      const missing = cut.answers.length < m.answers.length || cut.authorities.length < m.authorities.length;
      assert.equal((cut.flags & Flag.TC) !== 0, missing);
    }),
    { numRuns: 200 },
  );
});

test('a question that does not fit the size is refused', () => {
  const questions = [{ name: parseName('a.b.c'), type: 1, class: 1 }];
  const m = { id: 1, flags: 0, rcode: 0, questions, answers: [], authorities: [], additionals: [] };
  assert.throws(() => encodeMessage(m, 20), DnsWireError);
});

test('hostile bytes give DnsWireError, never another error', () => {
  const attempt = (bytesIn: Uint8Array) => {
    try {
      decodeMessage(bytesIn);
    } catch (error) {
      assert.ok(error instanceof DnsWireError, String(error));
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), attempt), { numRuns: 500 });
  // Valid messages with a few bytes changed reach deeper than noise does.
  const damaged = fc.tuple(message, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }));
  fc.assert(
    fc.property(damaged, ([m, changes]) => {
      const wire = Buffer.from(encodeMessage(m));
      for (const [at, value] of changes) wire[at % wire.length] = value;
      attempt(wire);
      attempt(wire.subarray(0, changes[0]?.[0] ?? 0));
    }),
    { numRuns: 500 },
  );
});

test('pointer loops, forward pointers and pointers to themselves are refused', () => {
  const header = '000100000001000000000000';
  for (const name of ['c00c', 'c00e', '0161c00c', 'c0ff', 'c0', '40', '80']) {
    assert.throws(() => decodeMessage(Buffer.from(`${header}${name}00010001`, 'hex')), DnsWireError, name);
  }
});
