// Whatever stands in a configuration, a zone file, a template or an expression: it is read, or refused with the error that
// names the mistake. Nothing else is thrown.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DnsWireError, parseMasterFile, parseName } from '../../dnswire/index.ts';
import { parseGoTemplate, TemplateError } from '../plugins/template/go-template.ts';
import { FUNCTIONS, runTemplate } from '../plugins/template/run-template.ts';
import { ExpressionError } from '../view/tokens.ts';
import { compileView } from '../view/view.ts';
import { DnsConfigError } from './config.ts';
import { parseCorefile } from './corefile/parse-corefile.ts';

/** Texts of these words, some of them noise, so that most of a text means something. */
const textOf = (words: readonly string[], between: string): fc.Arbitrary<string> =>
  fc
    .array(fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...words) }, fc.string({ maxLength: 6 })), {
      maxLength: 30,
    })
    .map((parts) => parts.join(between));

function holds(
  texts: fc.Arbitrary<string>,
  read: (text: string) => void,
  refused: new (...args: never[]) => Error,
): void {
  fc.assert(
    fc.property(texts, (text) => {
      try {
        read(text);
      } catch (error) {
        assert.ok(error instanceof refused, `${JSON.stringify(text)}: ${String(error)}`);
      }
    }),
    { numRuns: 1500 },
  );
}

const COREFILE_WORDS = (
  '. .:53 a.example, b.example { } \n \n \n # " (snip) import snip kubernetes cluster.local pods insecure verified ttl 30 ' +
  'fallthrough forward 10.0.0.1 tls://9.9.9.9%x policy random next NXDOMAIN cache 30 success prefetch 3 1m 10% serve_stale 1h ' +
  'hosts 10.1.1.1 rewrite stop continue name suffix regex ( answer auto value template IN ANY A match rcode ederror "{{ .Name }}" ' +
  'file z reload k8s_external example.org apex headless transfer to * view expr true bind lo acl block net dns64 header set ra ' +
  'multisocket log class error health :8080 lameduck 5s ready prometheus loop autopath @kubernetes bufsize 1232 root /'
).split(' ');

test('Corefiles', () => {
  const inBlock = textOf(COREFILE_WORDS, ' ').map((text) => `. {\n${text}\n}`);
  holds(
    fc.oneof(textOf(COREFILE_WORDS, ' '), inBlock),
    (text) => parseCorefile(text, { folder: '/nonexistent' }),
    DnsConfigError,
  );
});

test('templates', () => {
  const data = { Name: 'a.b.', Match: ['a', 'b'], Group: { a: '1' } };
  const words = (
    '{{ }} {{ }} {{- -}} .Name .Match .Group .Group.a . $ $x := = | ( ) "a" 1 index printf "%d" len eq if else end range with and ' +
    'not parseInt slice text `raw` , nil true'
  ).split(' ');
  const read = (text: string) =>
    runTemplate(parseGoTemplate(text, { functions: FUNCTIONS, fields: Object.keys(data) }), data);
  holds(textOf(words, ' '), read, TemplateError);
});

test('expressions of views', () => {
  const words = (
    "name() type() client_ip() size() do() incidr( ) ( , ' '10.0.0.0/8' 'a' 1 2 .. + - * / % == != < <= in not and or && || ! ? : [ ] " +
    'matches contains startsWith len( true false nil'
  ).split(' ');
  holds(textOf(words, ' '), (text) => compileView({ name: 'v', when: [text] }), ExpressionError);
});

test('master files', () => {
  const words = (
    '@ a b.example.org. \n \n \n ( ) ; " "text" $TTL $ORIGIN $INCLUDE 60 1h IN A 192.0.2.1 AAAA 2001:db8::1 NS CNAME SOA 1 2 3 4 5 TXT MX ' +
    'SRV CAA NAPTR DS TLSA \\# TYPE65 0102 \\ *.x'
  ).split(' ');
  const read = (text: string) => parseMasterFile(text, { origin: parseName('example.org'), file: 'z' });
  holds(textOf(words, ' '), read, DnsWireError);
});
