// Golden texts of a real API server for what users get wrong in a Service, and the rules for families and types.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeObject } from '../decode/decode-body.ts';
import { formatFieldError } from '../field-error.ts';
import type { ApiObject } from './contract.ts';
import type { Family } from './service-families.ts';
import { familiesToAllocate, resolveServiceFamilies } from './service-families.ts';
import type { ServiceDraft } from './service-shape.ts';
import { keepAllocatedValues, syncClusterIps } from './service-shape.ts';
import { serviceStrategy } from './service.ts';

type Spec = Record<string, unknown>;

function draft(spec: Spec, name = 'b'): ApiObject & ServiceDraft {
  const value = { metadata: { name, namespace: 'default' }, spec };
  const { object } = decodeObject({ apiVersion: 'v1', kind: 'Service' }, value);
  serviceStrategy.applyDefaults(object);
  return object as ApiObject & ServiceDraft;
}

/** As the server does it on create, without allocation; errors as text. */
function create(spec: Spec, options: { families?: Family[]; name?: string } = {}): string[] {
  const object = draft(spec, options.name);
  syncClusterIps(object);
  const early = resolveServiceFamilies(object, undefined, options.families ?? ['IPv4']);
  if (early.length > 0) return early.map(formatFieldError);
  serviceStrategy.prepareForCreate(object);
  return serviceStrategy.validateCreate(object).map(formatFieldError);
}

const one = [{ port: 80 }];
const label1123 =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

const goldens: readonly [string, Spec, string[]][] = [
  ['no ports', {}, ['spec.ports: Required value']],
  [
    'two ports without names',
    { ports: [{ port: 80 }, { port: 81 }] },
    ['spec.ports[0].name: Required value', 'spec.ports[1].name: Required value'],
  ],
  [
    'a name twice',
    {
      ports: [
        { port: 80, name: 'h' },
        { port: 81, name: 'h' },
      ],
    },
    ['spec.ports[1].name: Duplicate value: "h"'],
  ],
  [
    'a port twice',
    {
      ports: [
        { port: 80, name: 'a' },
        { port: 80, name: 'b' },
      ],
    },
    [
      'spec.ports[1]: Duplicate value: core.ServicePort{Name:"", Protocol:"TCP", AppProtocol:(*string)(nil), Port:80, TargetPort:intstr.IntOrString{Type:0, IntVal:0, StrVal:""}, NodePort:0}',
    ],
  ],
  [
    'port 70000',
    { ports: [{ port: 70_000 }] },
    [
      'spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive',
      'spec.ports[0].targetPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
  ],
  [
    'port name',
    { ports: [{ port: 80, name: 'My_Port' }] },
    [`spec.ports[0].name: Invalid value: "My_Port": ${label1123}`],
  ],
  [
    'protocol',
    { ports: [{ port: 80, protocol: 'HTTP' }] },
    ['spec.ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"'],
  ],
  [
    'long target port',
    { ports: [{ port: 80, targetPort: 'this-name-is-too-long-x' }] },
    ['spec.ports[0].targetPort: Invalid value: "this-name-is-too-long-x": must be no more than 15 characters'],
  ],
  [
    'malformed address',
    { ports: one, clusterIP: '1.2.3' },
    ['spec.clusterIPs[0]: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
  ],
  [
    'other family',
    { ports: one, ipFamilies: ['IPv6'] },
    ['spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'],
  ],
  [
    'dual stack on a single-stack cluster',
    { ports: one, ipFamilyPolicy: 'RequireDualStack' },
    ['spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services'],
  ],
  [
    'node port on ClusterIP',
    { ports: [{ port: 80, nodePort: 30_080 }] },
    ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
  ],
  [
    'headless NodePort',
    { ports: one, type: 'NodePort', clusterIP: 'None' },
    ['spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services'],
  ],
  [
    'None is not alone',
    { ports: one, clusterIP: 'None', clusterIPs: ['None', '10.96.0.9'] },
    ['spec.clusterIPs: Invalid value: []string{"None", "10.96.0.9"}: \'None\' must be the first and only value'],
  ],
  ['ExternalName without a name', { type: 'ExternalName' }, ['spec.externalName: Required value']],
  [
    'ExternalName with an address',
    { type: 'ExternalName', externalName: 'a.example', clusterIP: '10.96.0.9' },
    ['spec.clusterIPs: Forbidden: may not be set for ExternalName services'],
  ],
  [
    'affinity',
    { ports: one, sessionAffinity: 'Foo' },
    ['spec.sessionAffinity: Unsupported value: "Foo": supported values: "ClientIP", "None"'],
  ],
  [
    'affinity timeout',
    { ports: one, sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_401 } } },
    [
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400',
    ],
  ],
  [
    'externalTrafficPolicy on ClusterIP',
    { ports: one, externalTrafficPolicy: 'Local' },
    ['spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'],
  ],
  [
    'internalTrafficPolicy',
    { ports: one, internalTrafficPolicy: 'Foo' },
    ['spec.internalTrafficPolicy: Unsupported value: "Foo": supported values: "Cluster", "Local"'],
  ],
  [
    'trafficDistribution',
    { ports: one, trafficDistribution: 'Foo' },
    [
      'spec.trafficDistribution: Unsupported value: "Foo": supported values: "PreferClose", "PreferSameNode", "PreferSameZone"',
    ],
  ],
  [
    'type',
    { ports: one, type: 'Foo' },
    ['spec.type: Unsupported value: "Foo": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'],
  ],
  [
    'loopback externalIP',
    { ports: one, externalIPs: ['127.0.0.1'] },
    ['spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  ],
];

describe('Service on create', () => {
  for (const [what, spec, expected] of goldens) {
    test(what, () => assert.deepEqual(create(spec), expected));
  }

  test('name 1b', () => {
    assert.deepEqual(create({ ports: one }, { name: '1b' }), [
      "metadata.name: Invalid value: \"1b\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
    ]);
  });

  test('the smallest Service gets the defaults a real server gives', () => {
    const object = draft({ ports: one });
    assert.deepEqual(resolveServiceFamilies(object, undefined, ['IPv4']), []);
    serviceStrategy.prepareForCreate(object);
    assert.deepEqual(object.spec, {
      internalTrafficPolicy: 'Cluster',
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      sessionAffinity: 'None',
      type: 'ClusterIP',
    });
    assert.deepEqual(serviceStrategy.validateCreate(object), []);
    assert.deepEqual(familiesToAllocate(object), ['IPv4']);
  });

  test('leading zeros give a warning', () => {
    const object = draft({ ports: one, clusterIP: '10.96.010.7' });
    syncClusterIps(object);
    assert.deepEqual(serviceStrategy.warnings(object), [
      'spec.clusterIPs[0]: IP address was accepted, but will be invalid in a future Kubernetes release: ParseAddr("10.96.010.7"): IPv4 field has octet with leading zero',
    ]);
  });
});

const families: readonly [string, Spec, Family[], { policy: string; families: string[]; allocate: string[] }][] = [
  [
    'headless without selector',
    { ports: one, clusterIP: 'None' },
    ['IPv4'],
    { policy: 'RequireDualStack', families: ['IPv4', 'IPv6'], allocate: [] },
  ],
  [
    'headless with selector',
    { ports: one, clusterIP: 'None', selector: { a: 'b' } },
    ['IPv4'],
    { policy: 'SingleStack', families: ['IPv4'], allocate: [] },
  ],
  [
    'PreferDualStack on one family',
    { ports: one, ipFamilyPolicy: 'PreferDualStack' },
    ['IPv4'],
    { policy: 'PreferDualStack', families: ['IPv4'], allocate: ['IPv4'] },
  ],
  [
    'PreferDualStack on two',
    { ports: one, ipFamilyPolicy: 'PreferDualStack' },
    ['IPv6', 'IPv4'],
    { policy: 'PreferDualStack', families: ['IPv6', 'IPv4'], allocate: ['IPv6', 'IPv4'] },
  ],
  [
    'family from the address',
    { ports: one, clusterIP: 'fd00::9' },
    ['IPv4', 'IPv6'],
    { policy: 'SingleStack', families: ['IPv6'], allocate: [] },
  ],
];

describe('IP families', () => {
  for (const [what, spec, cluster, expected] of families) {
    test(what, () => {
      const object = draft(spec);
      syncClusterIps(object);
      assert.deepEqual(resolveServiceFamilies(object, undefined, cluster), []);
      assert.equal(object.spec?.ipFamilyPolicy, expected.policy);
      assert.deepEqual(object.spec?.ipFamilies, expected.families);
      assert.deepEqual(familiesToAllocate(object), expected.allocate);
    });
  }

  test('two addresses need a dual-stack policy', () => {
    assert.deepEqual(
      create(
        { ports: one, clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9', 'fd00::9'] },
        { families: ['IPv4', 'IPv6'] },
      ),
      [
        'spec.ipFamilyPolicy: Invalid value: "null": must be RequireDualStack or PreferDualStack when multiple `clusterIPs` are specified',
      ],
    );
  });
});

const stored: Spec = {
  clusterIP: '10.96.36.198',
  clusterIPs: ['10.96.36.198'],
  ipFamilies: ['IPv4'],
  ipFamilyPolicy: 'SingleStack',
  ports: one,
};

/** As the server does it on update. */
function update(previous: ApiObject & ServiceDraft, change: Spec, cluster: Family[] = ['IPv4']) {
  const next = draft({ ...structuredClone(previous.spec as Spec), ...change });
  syncClusterIps(next, previous);
  keepAllocatedValues(next, previous);
  const early = resolveServiceFamilies(next, previous, cluster);
  if (early.length > 0) return { next, errors: early.map(formatFieldError) };
  serviceStrategy.prepareForUpdate(next, previous);
  return { next, errors: serviceStrategy.validateUpdate(next, previous).map(formatFieldError) };
}

describe('Service on update', () => {
  test('the address may not change', () => {
    assert.deepEqual(update(draft(stored), { clusterIP: '10.96.0.77' }).errors, [
      'spec.clusterIPs[0]: Invalid value: []string{"10.96.0.77"}: may not change once set',
    ]);
  });

  test('the family may not change', () => {
    assert.deepEqual(update(draft(stored), { ipFamilies: ['IPv6'] }, ['IPv4', 'IPv6']).errors, [
      'spec.clusterIPs[0]: Invalid value: "10.96.36.198": expected an IPv6 value as indicated by `ipFamilies[0]`',
    ]);
  });

  test('an empty address means no change', () => {
    const { next, errors } = update(draft(stored), { clusterIP: '', clusterIPs: undefined });
    assert.deepEqual(errors, []);
    assert.deepEqual(next.spec?.clusterIPs, ['10.96.36.198']);
  });

  test('to ExternalName gives the address up', () => {
    const { next, errors } = update(draft(stored), { type: 'ExternalName', externalName: 'a.example' });
    assert.deepEqual(errors, []);
    assert.deepEqual(next.spec, {
      externalName: 'a.example',
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      sessionAffinity: 'None',
      type: 'ExternalName',
    });
  });

  test('from ExternalName asks for a new address', () => {
    const before = draft({ type: 'ExternalName', externalName: 'a.example', ports: one });
    const { next, errors } = update(before, { type: 'ClusterIP' });
    assert.deepEqual(errors, []);
    assert.deepEqual(familiesToAllocate(next), ['IPv4']);
    assert.deepEqual(serviceStrategy.warnings(next, before), [
      'spec.externalName is ignored when spec.type is not "ExternalName"',
    ]);
  });

  test('NodePort to ClusterIP clears node port and external policy', () => {
    const before = draft({ ...stored, type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] });
    const { next, errors } = update(before, { type: 'ClusterIP' });
    assert.deepEqual(errors, []);
    assert.equal(next.spec?.ports?.[0]?.nodePort, undefined);
    assert.equal(next.spec?.externalTrafficPolicy, undefined);
  });

  test('a left-out node port stays', () => {
    const before = draft({ ...stored, type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] });
    const { next } = update(before, { ports: [{ port: 8080 }] });
    assert.equal(next.spec?.ports?.[0]?.nodePort, 30_080);
  });

  test('SingleStack gives the second address up', () => {
    const before = draft({
      ...stored,
      clusterIPs: ['10.96.36.198', 'fd00::9'],
      ipFamilies: ['IPv4', 'IPv6'],
      ipFamilyPolicy: 'RequireDualStack',
    });
    const { next, errors } = update(before, { ipFamilyPolicy: 'SingleStack' }, ['IPv4', 'IPv6']);
    assert.deepEqual(errors, []);
    assert.deepEqual(next.spec?.clusterIPs, ['10.96.36.198']);
    const dropped = update(before, { clusterIPs: ['10.96.36.198'], ipFamilies: ['IPv4'] }, ['IPv4', 'IPv6']);
    assert.deepEqual(familiesToAllocate(dropped.next), ['IPv6']);
  });
});
