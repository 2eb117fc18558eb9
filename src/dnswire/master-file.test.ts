import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRecord } from './format-record.ts';
import { parseMasterFile } from './master-file.ts';
import { parseName } from './name.ts';

const options = { origin: parseName('example.org'), file: 'db.example.org' };
const read = (text: string, more: Partial<Parameters<typeof parseMasterFile>[1]> = {}) =>
  parseMasterFile(text, { ...options, ...more }).map(formatRecord);

test('a zone as people write it', () => {
  const text = `
$TTL 1h
@       IN SOA ns1 host\\.master (   ; the name of a person
               2024010101 ; serial
               2h 30m 4w  ; times with units
               1h )
        IN NS  ns1
        NS     ns2.other.net.
ns1     A      192.0.2.1
        AAAA   2001:db8::1
www 300 IN CNAME @
mail    IN 60 MX 10 ns1
txt     TXT    "a; b" "c\\"d" plain ( "over"
               "lines" )
*.wild  A      192.0.2.9
$ORIGIN sub
_x._tcp SRV    1 2 443 host
@       NAPTR  100 10 "u" "E2U+sip" "!^.*$!sip:i@x!" .
ds      DS     60485 5 1 2BB183AF5F22588179A53B0A 98631FAD1A292118
odd     TYPE65 \\# 3 010203
`;
  assert.deepEqual(read(text), [
    'example.org. 3600 IN SOA ns1.example.org. host\\.master.example.org. 2024010101 7200 1800 2419200 3600',
    'example.org. 3600 IN NS ns1.example.org.',
    'example.org. 3600 IN NS ns2.other.net.',
    'ns1.example.org. 3600 IN A 192.0.2.1',
    'ns1.example.org. 3600 IN AAAA 2001:db8::1',
    'www.example.org. 300 IN CNAME example.org.',
    'mail.example.org. 60 IN MX 10 ns1.example.org.',
    'txt.example.org. 3600 IN TXT "a; b" "c\\"d" "plain" "over" "lines"',
    '*.wild.example.org. 3600 IN A 192.0.2.9',
    '_x._tcp.sub.example.org. 3600 IN SRV 1 2 443 host.sub.example.org.',
    'sub.example.org. 3600 IN NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:i@x!" .',
    'ds.sub.example.org. 3600 IN DS \\# 24 ec450501' + '2bb183af5f22588179a53b0a98631fad1a292118',
    'odd.sub.example.org. 3600 IN HTTPS \\# 3 010203',
  ]);
});

test('TTLs without $TTL: the last one said, at first the MINIMUM of the SOA', () => {
  assert.deepEqual(read('@ SOA a b 1 2 3 4 77\nx A 192.0.2.1\ny 5 A 192.0.2.2\nz A 192.0.2.3\n').slice(1), [
    'x.example.org. 77 IN A 192.0.2.1',
    'y.example.org. 5 IN A 192.0.2.2',
    'z.example.org. 5 IN A 192.0.2.3',
  ]);
});

test('$INCLUDE and types that are left out', () => {
  const include = (file: string) => ({ file, text: 'inner A 192.0.2.5\n  A 192.0.2.6\n' });
  const records = read('$TTL 9\nouter A 192.0.2.1\n$INCLUDE part sub\n  A 192.0.2.2\nouter RRSIG A 5 3 9 x\n', {
    include,
    skip: new Set(['RRSIG']),
  });
  assert.deepEqual(records, [
    'outer.example.org. 9 IN A 192.0.2.1',
    'inner.sub.example.org. 9 IN A 192.0.2.5',
    'inner.sub.example.org. 9 IN A 192.0.2.6',
    'outer.example.org. 9 IN A 192.0.2.2',
  ]);
});

test('mistakes name file and line', () => {
  const rows: [string, RegExp][] = [
    ['$TTL 1\n\nx A 1.2.3', /^db\.example\.org line 3: record "x A 1\.2\.3": "1\.2\.3" is no address for A/],
    ['x A 192.0.2.1', /line 1: x\.example\.org\. A has no TTL: begin with \$TTL/],
    ['$TTL z', /line 1: \$TTL z is no time/],
    ['$GENERATE 1-2 a', /line 1: \$GENERATE is not known/],
    ['$INCLUDE x', /line 1: \$INCLUDE x is not possible here/],
    ['$TTL 1\n  A 192.0.2.1', /line 2: the first record has no owner/],
    ['$TTL 1\nx TXT (\n"a"', /line 2: a parenthesis is not closed/],
    ['$TTL 1\nx TXT "a', /line 2: a quote is not closed/],
    ['x A )', /a parenthesis closes that was not opened/],
    ['$TTL 1\nx LOC 1', /write the data of LOC as/],
  ];
  for (const [text, message] of rows) assert.throws(() => read(text), { name: 'DnsWireError', message }, text);
});
