// The template language: what templates make of data, and mistakes that are found before a question comes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goPattern } from '../../go-pattern.ts';
import { parseGoTemplate, TemplateError } from './go-template.ts';
import { FUNCTIONS, runTemplate } from './run-template.ts';

const DATA = {
  Name: 'ip-10-0-0-7.example.',
  Zone: 'example.',
  Match: ['whole', 'one', 'two'],
  Group: { a: '10', hex: '0a', empty: '' },
  Count: 3,
  Meta: (label: unknown) => `meta of ${String(label)}`,
};
const WORDS = { functions: FUNCTIONS, fields: Object.keys(DATA) };
const run = (text: string) => runTemplate(parseGoTemplate(text, WORDS), DATA);

test('what templates make of data', () => {
  const rows: [string, string][] = [
    ['plain', 'plain'],
    ['{{ .Name }} 60 IN A {{ .Group.a }}.0.0.7', 'ip-10-0-0-7.example. 60 IN A 10.0.0.7'],
    ['{{.Zone}}', 'example.'],
    ['{{ index .Match 1 }}', 'one'],
    ['{{ index .Group "a" }}', '10'],
    ['{{ .Group.missing }}|', '|'],
    ['{{ parseInt .Group.hex 16 8 }}', '10'],
    ['{{ .Group.hex | printf "%s-%s" "x" }}', 'x-0a'],
    ['{{ printf "%03d|%-4s|%x|%q|%v%%" 7 "ab" 255 "q" true }}', '007|ab  |ff|"q"|true%'],
    ['{{ len .Match }} {{ len .Name }}', '3 20'],
    ['{{ slice .Name 3 5 }}', '10'],
    ['{{ if eq .Group.a "9" "10" }}yes{{ else }}no{{ end }}', 'yes'],
    ['{{ if .Group.empty }}a{{ else if gt .Count 2 }}b{{ else }}c{{ end }}!', 'b!'],
    ['{{ if and .Group.a (not .Group.empty) (ne .Zone "x") }}t{{ end }}', 't'],
    ['{{ or .Group.empty "fallback" }}', 'fallback'],
    ['{{ range $i, $m := .Match }}{{ $i }}={{ $m }};{{ end }}', '0=whole;1=one;2=two;'],
    ['{{ range .Match }}{{ . }}{{ $.Zone }}{{ else }}none{{ end }}', 'wholeexample.oneexample.twoexample.'],
    ['{{ with .Group }}{{ .a }}{{ end }}', '10'],
    ['{{ with .Group.empty }}x{{ else }}y{{ end }}', 'y'],
    ['{{ $x := "1" }}{{ if true }}{{ $x = "2" }}{{ end }}{{ $x }}', '2'],
    ['a {{- " b" -}} c', 'a bc'],
    ['a{{/* comment */}}b{{ `raw "}}"` }}', 'abraw "}}"'],
    ['{{ .Meta "view/name" }}', 'meta of view/name'],
    ['{{ print "a" .Count "b" }}', 'a3b'],
  ];
  for (const [text, expected] of rows) assert.equal(run(text), expected, text);
});

test('mistakes in a template are found when it is read', () => {
  const rows: [string, RegExp][] = [
    ['{{ .Name', /no end/],
    ['{{ .Nmae }}', /no field \.Nmae; \.Name, /],
    ['{{ $.Nmae }}', /no field \.Nmae/],
    ['{{ lookup .Name }}', /no function "lookup"/],
    ['{{ if .Name }}', /"if" has no end/],
    ['{{ end }}', /end without a block/],
    ['{{ else }}', /else without if/],
    ['{{ }}', /empty/],
    ['{{ (len .Match }}', /parenthesis/],
    ['{{ .Name | }}', /a value is missing/],
    ['{{ "a" .Name }}', /only functions take arguments/],
    ['{{ .Name ] }}', /cannot be read/],
    ['{{ "\\q" }}', /escape/],
  ];
  for (const [text, message] of rows)
    assert.throws(() => parseGoTemplate(text, WORDS), { name: 'TemplateError', message }, text);
});

test('mistakes that only data shows', () => {
  for (const text of [
    '{{ index .Match 7 }}',
    '{{ parseInt "19" 8 8 }}',
    '{{ parseInt "fff" 16 8 }}',
    '{{ parseInt .Group.empty 10 8 }}',
    '{{ .Name.length }}',
    '{{ gt .Name 3 }}',
    '{{ $y }}',
    '{{ range .Name }}{{ end }}',
  ])
    assert.throws(() => run(text), TemplateError, text);
});

test('regular expressions as Go writes them', () => {
  assert.equal(goPattern('^ip-(?P<a>[0-9]*)[.]x[.]$').exec('ip-7.x.')?.groups?.['a'], '7');
  assert.ok(goPattern('(?i)^ABC\\z').test('abc'));
  assert.ok(goPattern('^[[:alpha:]]+$').test('abc'));
  assert.throws(() => goPattern('('), SyntaxError);
});
