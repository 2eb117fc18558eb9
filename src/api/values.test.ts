// Quantities, ages, percentages, names, addresses, field errors and failures: small tables.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ipWarnings, validateCidr, validateEndpointIp } from './addresses.ts';
import { formatAge } from './age.ts';
import * as errors from './errors.ts';
import { formatFieldError, invalidValue, notSupported, required, tooMany } from './field-error.ts';
import { resolveFenceposts, scaledIntOrPercent } from './int-or-string.ts';
import { deepEqual } from './json.ts';
import { dns1123Label, envVarName, portName, qualifiedName } from './names.ts';
import { canonicalQuantity, compareQuantities, formatQuantity, parseQuantity, quantityValue } from './quantity.ts';
import { deployments, services } from './resources.ts';

const quantities: readonly [string, string][] = [
  ['0', '0'],
  ['0.5', '500m'],
  ['1000m', '1'],
  ['1024Mi', '1Gi'],
  ['1.5Gi', '1536Mi'],
  ['1000', '1k'],
  ['1e3', '1e3'],
  ['12e6', '12e6'],
  ['100m', '100m'],
  ['-2', '-2'],
  ['.5', '500m'],
  ['5.', '5'],
  ['1Ki', '1Ki'],
  ['512', '512'],
  ['0.1n', '1n'],
];

describe('quantities', () => {
  test('canonical text', () => {
    for (const [text, expected] of quantities) assert.equal(canonicalQuantity(text), expected, text);
  });

  test('malformed', () => {
    for (const text of ['', 'x', '1x', '1 Gi', '--1', '1.2.3', 'Gi', '1GiB'])
      assert.equal(parseQuantity(text), undefined, text);
  });

  test('formatting keeps the value', () => {
    const suffix = fc.constantFrom('', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e3', 'u', 'n');
    fc.assert(
      fc.property(fc.integer({ min: -99_999, max: 99_999 }), suffix, (n, s) => {
        const q = parseQuantity(`${n}${s}`);
        assert.ok(q !== undefined);
        assert.equal(parseQuantity(formatQuantity(q))?.nano, q.nano);
        assert.equal(canonicalQuantity(formatQuantity(q)), formatQuantity(q));
      }),
    );
  });

  test('comparing', () => {
    assert.equal(compareQuantities('1Gi', '1G'), 1);
    assert.equal(compareQuantities('1', '1000m'), 0);
    assert.equal(quantityValue('1Ki'), 1024);
  });
});

test('ages', () => {
  const s = 1000;
  const cases: readonly [number, string][] = [
    [0, '0s'],
    [119 * s, '119s'],
    [120 * s, '2m'],
    [125 * s, '2m5s'],
    [10 * 60 * s, '10m'],
    [179 * 60 * s, '179m'],
    [3 * 3600 * s, '3h'],
    [(3 * 60 + 20) * 60 * s, '3h20m'],
    [9 * 3600 * s, '9h'],
    [48 * 3600 * s, '2d'],
    [50 * 3600 * s, '2d2h'],
    [9 * 86_400 * s, '9d'],
    [800 * 86_400 * s, '2y70d'],
    [-5 * s, '<invalid>'],
  ];
  for (const [ms, expected] of cases) assert.equal(formatAge(ms), expected);
});

test('numbers and percentages', () => {
  assert.equal(scaledIntOrPercent('25%', 10, { roundUp: true }), 3);
  assert.equal(scaledIntOrPercent('25%', 10, { roundUp: false }), 2);
  assert.equal(scaledIntOrPercent(4, 10, { roundUp: true }), 4);
  assert.equal(scaledIntOrPercent('x', 10, { roundUp: true }), undefined);
  assert.deepEqual(resolveFenceposts('25%', '25%', 4), { surge: 1, unavailable: 1 });
  assert.deepEqual(resolveFenceposts(0, '25%', 1), { surge: 0, unavailable: 1 });
});

test('names', () => {
  assert.deepEqual(qualifiedName('example.com/My.name_1'), []);
  assert.deepEqual(qualifiedName('/x'), ['prefix part must be non-empty']);
  assert.deepEqual(qualifiedName('a/'), ['name part must be non-empty', qualifiedName('-')[0]]);
  assert.deepEqual(dns1123Label('x'.repeat(64)), ['must be no more than 63 characters']);
  assert.deepEqual(portName('http-alt'), []);
  assert.deepEqual(portName('80'), ['must contain at least one letter (a-z)']);
  assert.deepEqual(portName('a--b'), ['must not contain consecutive hyphens']);
  assert.deepEqual(envVarName('A_1.b-c'), []);
  assert.equal(envVarName('1A').length, 1);
});

test('addresses', () => {
  assert.equal(validateEndpointIp('10.0.0.1', 'x').length, 0);
  for (const bad of ['0.0.0.0', '::', '127.0.0.1', '::1', '169.254.1.1', 'fe80::1', '224.0.0.1', 'ff02::1', 'x']) {
    assert.equal(validateEndpointIp(bad, 'x').length, 1, bad);
  }
  assert.equal(validateCidr('10.0.0.0/8', 'x').length, 0);
  assert.equal(validateCidr('10.0.0.0/33', 'x').length, 1);
  assert.deepEqual(ipWarnings('FD00::1', 'x'), [
    'x: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
  ]);
  assert.deepEqual(ipWarnings('10.0.0.1', 'x'), []);
});

test('field errors as Kubernetes writes them', () => {
  assert.equal(formatFieldError(required('a')), 'a: Required value');
  assert.equal(formatFieldError(invalidValue('a', 'x"y', 'no')), 'a: Invalid value: "x\\"y": no');
  assert.equal(formatFieldError(invalidValue('a', 5, 'no')), 'a: Invalid value: 5: no');
  assert.equal(
    formatFieldError(notSupported('a', 'x', ['c', 'b'])),
    'a: Unsupported value: "x": supported values: "b", "c"',
  );
  assert.equal(formatFieldError(tooMany('a', 17, 16)), 'a: Too many: 17: must have at most 16 items');
});

describe('failures', () => {
  test('texts', () => {
    const texts: readonly [Error, string][] = [
      [errors.notFound(services, 'w1'), 'services "w1" not found'],
      [errors.notFound(deployments, 'w1'), 'deployments.apps "w1" not found'],
      [errors.alreadyExists(services, 'a'), 'services "a" already exists'],
      [
        errors.conflict(services, 'a'),
        'Operation cannot be fulfilled on services "a": the object has been modified; please apply your changes to the latest version and try again',
      ],
      [
        errors.denied({ user: 'system:anonymous', verb: 'list', group: '', resource: 'pods' }),
        'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope',
      ],
      [
        errors.denied({
          user: 'u',
          verb: 'get',
          group: 'apps',
          resource: 'deployments/scale',
          name: 'x',
          namespace: 'n',
        }),
        'deployments.apps "x" is forbidden: User "u" cannot get resource "deployments/scale" in API group "apps" in the namespace "n"',
      ],
      [errors.tooOldResourceVersion(5, 9), 'too old resource version: 5 (9)'],
      [errors.tooLargeResourceVersion(999_999, 276), 'Timeout: Too large resource version: 999999, current: 276'],
      [errors.invalidPatch(), 'the server rejected our request due to an error in our request'],
      [errors.internalError(new Error('range is full')), 'Internal error occurred: range is full'],
    ];
    for (const [error, text] of texts) assert.equal(error.message, text);
  });

  test('several field errors stand in brackets, the same one once', () => {
    const one = errors.invalid(services, 'b', [required('spec.ports')]);
    assert.equal(one.message, 'Service "b" is invalid: spec.ports: Required value');
    assert.deepEqual(one.status, {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: one.message,
      reason: 'Invalid',
      details: {
        name: 'b',
        kind: 'Service',
        causes: [{ reason: 'FieldValueRequired', message: 'Required value', field: 'spec.ports' }],
      },
      code: 422,
    });
    assert.equal(
      errors.invalid(deployments, 'b', [required('x'), required('y'), required('x')]).message,
      'Deployment.apps "b" is invalid: [x: Required value, y: Required value]',
    );
  });
});

test('equality of JSON', () => {
  assert.ok(deepEqual({ a: [1, { b: null }] }, { a: [1, { b: null }] }));
  assert.ok(deepEqual({ a: undefined }, {}));
  assert.ok(!deepEqual({ a: 1 }, { a: 1, b: 2 }));
  assert.ok(!deepEqual([1], { 0: 1 }));
  assert.ok(!deepEqual(null, {}));
});
