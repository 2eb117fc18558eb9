// Selectors: what they match, what they say when malformed.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { StatusError } from '../status-error.ts';
import { checkFieldSelector, parseFieldSelector } from './field-selector.ts';
import { formatLabelSelector, labelSelectorMatches, parseLabelSelector, selectorMapMatches } from './label-selector.ts';

const labels = { app: 'web', tier: 'front', n: '5' };

const matches: readonly [string, boolean][] = [
  ['', true],
  ['app=web', true],
  ['app==web,tier=front', true],
  ['app=db', false],
  ['app!=db', true],
  ['missing!=x', true],
  ['app in (db, web)', true],
  ['app notin (db,web)', false],
  ['missing notin (a)', true],
  ['app', true],
  ['!app', false],
  ['!missing', true],
  ['missing', false],
  ['n>4', true],
  ['n<5', false],
  ['app>4', false],
  ['app=', false],
  ['in in (in)', false],
  [' app = web , tier ', true],
];

test('label selectors', () => {
  for (const [text, expected] of matches) assert.equal(parseLabelSelector(text).matches(labels), expected, text);
});

const malformed: readonly [string, string][] = [
  ['!=x', "found '!=', expected: !, identifier, or 'end of string'"],
  ['! =x', "unable to parse requirement: found '=', expected: identifier"],
  ['a,,b', "found ',', expected: identifier after ','"],
  ['a in b', "unable to parse requirement: found 'b' expected: '('"],
  ['a=b c', "found 'c', expected: ',' or 'end of string'"],
  ['a~b=c', '<nil>: Invalid value: "a~b": name part must consist'],
  ['a=b~', 'values[0][a]: Invalid value: "b~": a valid label must be'],
  ['a>x', "for 'Gt', 'Lt' operators, the value must be an integer"],
  ['a in (b', "expected: ',' or ')'"],
];

test('malformed label selectors', () => {
  for (const [text, expected] of malformed) {
    assert.throws(
      () => parseLabelSelector(text),
      (e: unknown) => {
        assert.ok(e instanceof StatusError && e.code === 400);
        assert.ok(e.message.includes(expected), `${text}: ${e.message}`);
        return true;
      },
    );
  }
});

describe('LabelSelector objects', () => {
  test('absent matches nothing, empty everything', () => {
    assert.equal(labelSelectorMatches(undefined, labels), false);
    assert.equal(labelSelectorMatches({}, labels), true);
    assert.equal(selectorMapMatches({}, labels), false);
    assert.equal(selectorMapMatches({ app: 'web' }, labels), true);
    assert.equal(selectorMapMatches({ constructor: 'x' }, labels), false);
  });

  test('as text and back it selects the same', () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const value = fc.constantFrom('x', 'y');
    const expression = fc.oneof(
      fc.record({ key, operator: fc.constantFrom('In', 'NotIn'), values: fc.uniqueArray(value, { minLength: 1 }) }),
      fc.record({ key, operator: fc.constantFrom('Exists', 'DoesNotExist') }),
    );
    const selector = fc.record({
      matchLabels: fc.dictionary(key, value),
      matchExpressions: fc.array(expression, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(selector, fc.dictionary(key, value), (s, have) => {
        const text = formatLabelSelector(s);
        assert.equal(parseLabelSelector(text).matches(have), labelSelectorMatches(s, have), text);
      }),
      { numRuns: 300 },
    );
  });
});

describe('field selectors', () => {
  const fields = { 'metadata.name': 'a', 'spec.clusterIP': 'None', 'spec.nodeName': '' };

  test('match', () => {
    assert.equal(parseFieldSelector('metadata.name=a').matches(fields), true);
    assert.equal(parseFieldSelector('spec.clusterIP!=None').matches(fields), false);
    assert.equal(parseFieldSelector('spec.nodeName=,metadata.name==a').matches(fields), true);
    assert.equal(parseFieldSelector('').matches(fields), true);
    assert.equal(parseFieldSelector('metadata.name=a,spec.nodeName=x').exactName, 'a');
    assert.equal(parseFieldSelector(String.raw`metadata.name=a\,b\=c`).matches({ 'metadata.name': 'a,b=c' }), true);
  });

  test('refuse', () => {
    const text = (f: () => unknown): string => {
      try {
        f();
      } catch (e) {
        assert.ok(e instanceof StatusError && e.code === 400);
        return e.message;
      }
      return 'nothing';
    };
    assert.equal(
      text(() => checkFieldSelector(parseFieldSelector('spec.foo=a'), fields)),
      'field label not supported: spec.foo',
    );
    assert.equal(
      text(() => parseFieldSelector('spec.foo')),
      "invalid selector: 'spec.foo'; can't understand 'spec.foo'",
    );
  });
});

test('any text is parsed or refused, nothing else', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const parse of [parseLabelSelector, parseFieldSelector]) {
        try {
          parse(text);
        } catch (e) {
          assert.ok(e instanceof StatusError, String(e));
        }
      }
    }),
    { numRuns: 500 },
  );
});
