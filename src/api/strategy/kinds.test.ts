// Rules of the other kinds, as tables: what users get wrong, in Kubernetes' words; defaults; life of the object.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeObject } from '../decode/decode-body.ts';
import { formatFieldError } from '../field-error.ts';
import { allResources } from '../resource-lookup.ts';
import type { Resource } from '../resources.ts';
import * as r from '../resources.ts';
import { apiVersionOf } from '../resources.ts';
import type { ApiObject, KindStrategy } from './contract.ts';
import { fromCoreEvent, toCoreEvent } from './event.ts';
import { strategyOf } from './index.ts';
import { qosClassOf } from './pod.ts';

type Value = Record<string, unknown>;

function read(resource: Resource, value: object): { strategy: KindStrategy; object: ApiObject } {
  const strategy = strategyOf(resource);
  const metadata = { name: 'a', ...(resource.namespaced ? { namespace: 'default' } : {}) };
  const whole = { ...value, metadata: { ...metadata, ...((value as Value)['metadata'] as object | undefined) } };
  const { object } = decodeObject({ apiVersion: apiVersionOf(resource), kind: resource.kind }, whole);
  strategy.applyDefaults(object);
  return { strategy, object };
}

function create(resource: Resource, value: object): string[] {
  const { strategy, object } = read(resource, value);
  strategy.prepareForCreate(object);
  return strategy.validateCreate(object).map(formatFieldError);
}

/** `change` edits a copy of the stored object. */
function update(
  resource: Resource,
  value: object,
  change: (spec: Value, object: ApiObject) => void,
): { errors: string[]; next: ApiObject; previous: ApiObject } {
  const { strategy, object: previous } = read(resource, value);
  strategy.prepareForCreate(previous);
  const next = structuredClone(previous);
  change((next.spec ?? {}) as Value, next);
  strategy.applyDefaults(next);
  strategy.prepareForUpdate(next, previous);
  return { errors: strategy.validateUpdate(next, previous).map(formatFieldError), next, previous };
}

const c = (more: object = {}): object => ({ name: 'c', image: 'portico/web', ...more });
const pod = (more: object = {}, container: object = {}): object => ({ spec: { containers: [c(container)], ...more } });
const workload = (more: object = {}): object => ({
  spec: {
    selector: { matchLabels: { app: 'x' } },
    template: { metadata: { labels: { app: 'x' } }, spec: { containers: [c()] } },
    ...more,
  },
});
const dnsLabel =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

const HARD = 'requiredDuringSchedulingIgnoredDuringExecution';
const SOFT = 'preferredDuringSchedulingIgnoredDuringExecution';
const node = (key: string, operator: string, values?: string[]) => ({ key, operator, ...(values && { values }) });
const spread = (more: object) => ({ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', ...more });

const placements: readonly [string, Resource, object, string[]][] = [
  [
    'node affinity without terms',
    r.pods,
    pod({ affinity: { nodeAffinity: { [HARD]: { nodeSelectorTerms: [] } } } }),
    [`spec.affinity.nodeAffinity.${HARD}.nodeSelectorTerms: Required value: must have at least one node selector term`],
  ],
  [
    'node selector requirements',
    r.pods,
    pod({
      affinity: {
        nodeAffinity: {
          [HARD]: {
            nodeSelectorTerms: [
              {
                matchExpressions: [
                  node('a', 'In'),
                  node('a', 'Exists', ['b']),
                  node('a', 'Gt', ['1', '2']),
                  node('a b', 'Near'),
                  node('zone', 'NotIn', ['a']),
                ],
                matchFields: [node('metadata.name', 'In', ['n1', 'n2']), node('spec.x', 'Exists')],
              },
            ],
          },
        },
      },
    }),
    [
      "0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      "0].matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
      "0].matchExpressions[2].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'",
      '0].matchExpressions[3].operator: Invalid value: "Near": not a valid selector operator',
      "0].matchExpressions[3].key: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      "0].matchFields[0].values: Required value: must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
      '0].matchFields[1].key: Invalid value: "spec.x": not a valid field selector key',
      '0].matchFields[1].operator: Invalid value: "Exists": not a valid selector operator',
    ].map((text) => `spec.affinity.nodeAffinity.${HARD}.nodeSelectorTerms[${text}`),
  ],
  [
    'pod affinity: topology key, weight, namespaces, selector',
    r.pods,
    pod({
      affinity: {
        podAntiAffinity: {
          [HARD]: [{ labelSelector: {}, namespaces: ['no_label'] }],
          [SOFT]: [
            { weight: 101, podAffinityTerm: { topologyKey: 'zone' } },
            {
              weight: 1,
              podAffinityTerm: { topologyKey: 'zone', labelSelector: { matchExpressions: [node('a', 'In')] } },
            },
          ],
        },
      },
    }),
    [
      `spec.affinity.podAntiAffinity.${HARD}[0].namespaces[0]: Invalid value: "no_label": ${dnsLabel}`,
      `spec.affinity.podAntiAffinity.${HARD}[0].topologyKey: Required value: can not be empty`,
      `spec.affinity.podAntiAffinity.${SOFT}[0].weight: Invalid value: 101: must be in the range 1-100`,
      `spec.affinity.podAntiAffinity.${SOFT}[1].podAffinityTerm.labelSelector.matchExpressions[0].values: Required value: must be specified when \`operator\` is 'In' or 'NotIn'`,
    ],
  ],
  [
    'topology spread',
    r.pods,
    pod({
      topologySpreadConstraints: [
        spread({}),
        spread({ maxSkew: 0, nodeTaintsPolicy: 'Perhaps' }),
        spread({ topologyKey: '', whenUnsatisfiable: 'Maybe' }),
        spread({ topologyKey: 'host', whenUnsatisfiable: 'ScheduleAnyway', minDomains: 2, matchLabelKeys: ['x'] }),
      ],
    }),
    [
      'spec.topologySpreadConstraints[1].maxSkew: Invalid value: 0: must be greater than 0',
      'spec.topologySpreadConstraints[1].{topologyKey, whenUnsatisfiable}: Duplicate value: "{zone, DoNotSchedule}"',
      'spec.topologySpreadConstraints[1].nodeTaintsPolicy: Unsupported value: "Perhaps": supported values: "Honor", "Ignore"',
      'spec.topologySpreadConstraints[2].topologyKey: Required value: can not be empty',
      'spec.topologySpreadConstraints[2].whenUnsatisfiable: Unsupported value: "Maybe": supported values: "DoNotSchedule", "ScheduleAnyway"',
      'spec.topologySpreadConstraints[3].minDomains: Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway',
      'spec.topologySpreadConstraints[3].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set',
    ],
  ],
];

const goldens: readonly [string, Resource, object, string[]][] = [
  ...placements,
  ['a pod without containers', r.pods, { spec: {} }, ['spec.containers: Required value']],
  [
    'a container without image',
    r.pods,
    { spec: { containers: [{ name: 'c' }] } },
    ['spec.containers[0].image: Required value'],
  ],
  ['container name', r.pods, pod({}, { name: 'C_1' }), [`spec.containers[0].name: Invalid value: "C_1": ${dnsLabel}`]],
  [
    'a container name twice',
    r.pods,
    pod({ containers: [c(), c()] }),
    ['spec.containers[1].name: Duplicate value: "c"'],
  ],
  [
    'container port 0',
    r.pods,
    pod({}, { ports: [{ containerPort: 0 }] }),
    ['spec.containers[0].ports[0].containerPort: Required value'],
  ],
  [
    'container port 70000',
    r.pods,
    pod({}, { ports: [{ containerPort: 70_000 }] }),
    ['spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive'],
  ],
  [
    'a host port twice',
    r.pods,
    pod(
      {},
      {
        ports: [
          { containerPort: 80, hostPort: 8080 },
          { containerPort: 81, hostPort: 8080 },
        ],
      },
    ),
    ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//8080"'],
  ],
  [
    'restart policy',
    r.pods,
    pod({ restartPolicy: 'Sometimes' }),
    ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"'],
  ],
  [
    'unknown volume',
    r.pods,
    pod({}, { volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
    ['spec.containers[0].volumeMounts[0].name: Not found: "v"'],
  ],
  [
    'two sources of a volume',
    r.pods,
    pod({ volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] }),
    ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
  ],
  [
    'a probe without action',
    r.pods,
    pod({}, { livenessProbe: {} }),
    ['spec.containers[0].livenessProbe: Required value: must specify a handler type'],
  ],
  [
    'success threshold of a liveness probe',
    r.pods,
    pod({}, { livenessProbe: { tcpSocket: { port: 80 }, successThreshold: 2 } }),
    ['spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1'],
  ],
  [
    'request above limit',
    r.pods,
    pod({}, { resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }),
    ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
  ],
  [
    'dnsPolicy None alone',
    r.pods,
    pod({ dnsPolicy: 'None' }),
    ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
  ],
  [
    'four name servers',
    r.pods,
    pod({ dnsConfig: { nameservers: ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4'] } }),
    [
      'spec.dnsConfig.nameservers: Invalid value: []string{"1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"}: must not have more than 3 nameservers',
    ],
  ],
  [
    'environment from two places',
    r.pods,
    pod({}, { env: [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }),
    ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
  ],
  [
    'selector and labels of a Deployment differ',
    r.deployments,
    workload({ selector: { matchLabels: { app: 'y' } } }),
    [
      'spec.template.metadata.labels: Invalid value: map[string]string{"app":"x"}: `selector` does not match template `labels`',
    ],
  ],
  [
    'negative replicas',
    r.deployments,
    workload({ replicas: -1 }),
    ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'a Deployment that can never move',
    r.deployments,
    workload({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }),
    ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0'],
  ],
  [
    'Recreate with rolling settings',
    r.deployments,
    workload({ strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } } }),
    ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
  ],
  [
    'a template that does not restart',
    r.deployments,
    workload({ template: { metadata: { labels: { app: 'x' } }, spec: { containers: [c()], restartPolicy: 'Never' } } }),
    ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  ],
  [
    'a Deployment without anything',
    r.deployments,
    {},
    ['spec.selector: Required value', 'spec.template.spec.containers: Required value'],
  ],
  [
    'an endpoint of the other family',
    r.endpointSlices,
    { addressType: 'IPv4', endpoints: [{ addresses: ['fd00::1'] }] },
    ['endpoints[0].addresses[0]: Invalid value: "fd00::1": must be an IPv4 address'],
  ],
  ['a slice without type', r.endpointSlices, { endpoints: [] }, ['addressType: Required value']],
  [
    'a loopback endpoint',
    r.endpoints,
    { subsets: [{ addresses: [{ ip: '127.0.0.1' }], ports: [{ port: 80 }] }] },
    ['subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  ],
  [
    'a config key',
    r.configMaps,
    { data: { 'a b': 'c' } },
    [
      "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    ],
  ],
  [
    'a TLS secret without key',
    r.secrets,
    { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } },
    ['data[tls.key]: Required value'],
  ],
  [
    'a label value',
    r.configMaps,
    { metadata: { labels: { a: 'b c' } } },
    [
      "metadata.labels: Invalid value: \"b c\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    ],
  ],
  [
    'a finalizer',
    r.configMaps,
    { metadata: { finalizers: ['mine'] } },
    ['metadata.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified'],
  ],
  [
    'a role without verbs',
    r.roles,
    { rules: [{ apiGroups: [''], resources: ['pods'] }] },
    ['rules[0].verbs: Required value: verbs must contain at least one value'],
  ],
  [
    'a binding to nothing',
    r.roleBindings,
    { roleRef: { kind: 'Gadget', name: 'x' } },
    ['roleRef.kind: Unsupported value: "Gadget": supported values: "ClusterRole", "Role"'],
  ],
  [
    'an Ingress without rules',
    r.ingresses,
    { spec: {} },
    ['spec: Invalid value: []: either `defaultBackend` or `rules` must be specified'],
  ],
  ['no CIDR', r.serviceCIDRs, { spec: {} }, ['spec.cidrs: Required value: at least one CIDR required']],
  [
    'an address that is no canonical name',
    r.ipAddresses,
    { metadata: { name: '10.096.0.1' }, spec: { parentRef: { resource: 'services', name: 'a' } } },
    [
      'metadata.name: Invalid value: "10.096.0.1": must be a valid IP address in canonical form (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
  ],
  [
    'a lease of no length',
    r.leases,
    { spec: { leaseDurationSeconds: 0 } },
    ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
  ],
];

describe('what is refused on create', () => {
  for (const [what, resource, value, expected] of goldens) {
    test(what, () => assert.deepEqual(create(resource, value), expected));
  }
});

describe('what may not change', () => {
  test('a pod, but for its images', () => {
    const { errors } = update(r.pods, pod(), (spec) => {
      spec['hostname'] = 'h';
      (spec['containers'] as Value[])[0] = c({ image: 'other' }) as Value;
    });
    assert.deepEqual(errors, [
      'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n- spec.hostname: (absent)\n+ spec.hostname: "h"',
    ]);
  });

  test('an image alone is fine', () => {
    const { errors } = update(r.pods, pod(), (spec) => {
      ((spec['containers'] as Value[])[0] as Value)['image'] = 'other:2';
    });
    assert.deepEqual(errors, []);
  });

  test('the number of containers', () => {
    const { errors } = update(r.pods, pod(), (spec) => (spec['containers'] as object[]).push(c({ name: 'd' })));
    assert.deepEqual(errors, ['spec.containers: Forbidden: pod updates may not add or remove containers']);
  });

  test('the selector of a Deployment', () => {
    const { errors } = update(r.deployments, workload(), (spec) => {
      spec['selector'] = { matchLabels: { app: 'x', b: 'c' } };
      spec['template'] = { metadata: { labels: { app: 'x', b: 'c' } }, spec: { containers: [c()] } };
    });
    assert.deepEqual(errors, [
      'spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{"app":"x", "b":"c"}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable',
    ]);
  });

  test('most of a StatefulSet', () => {
    const { errors } = update(r.statefulSets, workload({ serviceName: 'a' }), (spec) => (spec['serviceName'] = 'b'));
    assert.equal(errors.length, 1);
    assert.match(errors[0] ?? '', /^spec: Forbidden: updates to statefulset spec for fields other than 'replicas'/);
  });

  test('an immutable ConfigMap', () => {
    const { errors } = update(r.configMaps, { immutable: true, data: { a: 'b' } }, (_s, o) => (o['data'] = { a: 'c' }));
    assert.deepEqual(errors, ['data: Forbidden: field is immutable when `immutable` is set']);
  });

  test('the role of a binding', () => {
    const { errors } = update(r.roleBindings, { roleRef: { kind: 'Role', name: 'x' } }, (_s, o) => {
      o['roleRef'] = { kind: 'Role', name: 'y', apiGroup: 'rbac.authorization.k8s.io' };
    });
    assert.deepEqual(errors, [
      'roleRef: Invalid value: rbac.RoleRef{APIGroup:"rbac.authorization.k8s.io", Kind:"Role", Name:"y"}: cannot change roleRef',
    ]);
  });

  test('the address type of a slice', () => {
    const { errors } = update(r.endpointSlices, { addressType: 'IPv4' }, (_s, o) => (o['addressType'] = 'IPv6'));
    assert.deepEqual(errors, ['addressType: Invalid value: "IPv6": field is immutable']);
  });

  test('new finalizers on what is being deleted', () => {
    const strategy = strategyOf(r.configMaps);
    const previous: ApiObject = {
      metadata: { name: 'a', namespace: 'b', deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['x/y'] },
    };
    const next = { metadata: { ...previous.metadata, finalizers: ['x/y', 'x/z'] } };
    assert.deepEqual(strategy.validateUpdate(next, previous).map(formatFieldError), [
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x/z"}',
    ]);
  });
});

test('an ephemeral container may come, and never change', () => {
  const debug = { name: 'debug', image: 'x' };
  const added = update(r.pods, pod(), (spec) => (spec['ephemeralContainers'] = [debug]));
  assert.deepEqual(added.errors, []);
  const changed = update(r.pods, pod({ ephemeralContainers: [debug] }), (spec) => (spec['ephemeralContainers'] = []));
  assert.match(changed.errors.join(), /^spec: Forbidden: pod updates may not change fields other than/);
});

describe('life of an object', () => {
  test('generation counts changes of the spec only', () => {
    const same = update(r.deployments, workload(), (_s, o) => (o.metadata.labels = { a: 'b' }));
    assert.equal(same.next.metadata.generation, 1);
    const scaled = update(r.deployments, workload(), (spec) => (spec['replicas'] = 3));
    assert.equal(scaled.next.metadata.generation, 2);
  });

  test('the main resource keeps status, the status subresource keeps everything else', () => {
    const { strategy, object: previous } = read(r.deployments, workload());
    strategy.prepareForCreate(previous);
    previous.metadata.ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name: 'o', uid: 'u' }];
    const next = structuredClone(previous);
    next.status = { replicas: 5 };
    (next.spec as Value)['replicas'] = 9;
    delete next.metadata.ownerReferences;
    const main = structuredClone(next);
    strategy.prepareForUpdate(main, previous);
    assert.equal(main.status, undefined);
    const status = structuredClone(next);
    strategy.prepareForStatusUpdate(status, previous);
    assert.deepEqual(status.spec, previous.spec);
    assert.deepEqual(status.status, { replicas: 5 });
    assert.deepEqual(status.metadata.ownerReferences, previous.metadata.ownerReferences);
  });

  test('defaults applied twice are the same as once, for every kind', () => {
    const samples: readonly [Resource, object][] = [
      ...allResources.map((resource) => [resource, {}] as [Resource, object]),
      ...goldens.map(([, resource, value]) => [resource, value] as [Resource, object]),
      [r.deployments, workload()],
      [r.statefulSets, workload({ volumeClaimTemplates: [{ metadata: { name: 'v' } }] })],
      [r.daemonSets, workload()],
      [
        r.replicationControllers,
        { spec: { template: { metadata: { labels: { a: 'b' } }, spec: { containers: [c()] } } } },
      ],
    ];
    for (const [resource, value] of samples) {
      const { strategy, object } = read(resource, value);
      const once = structuredClone(object);
      strategy.applyDefaults(object);
      assert.deepEqual(object, once, resource.kind);
    }
  });

  test('good objects of every workload are accepted', () => {
    for (const resource of [r.deployments, r.replicaSets, r.statefulSets, r.daemonSets]) {
      assert.deepEqual(create(resource, workload()), [], resource.kind);
    }
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [c()] } };
    assert.deepEqual(create(r.replicationControllers, { spec: { template } }), []);
    assert.deepEqual(
      create(
        r.pods,
        pod({}, { ports: [{ containerPort: 80, name: 'http' }], readinessProbe: { httpGet: { port: 'http' } } }),
      ),
      [],
    );
  });

  test('warnings about what processes cannot have', () => {
    const { strategy, object } = read(
      r.pods,
      pod(
        {
          volumes: [
            { name: 'v', nfs: { server: 's', path: '/' } },
            { name: 'w', emptyDir: {} },
          ],
          hostUsers: false,
        },
        {
          securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
          env: [
            { name: 'A', value: '1' },
            { name: 'A', value: '2' },
          ],
        },
      ),
    );
    assert.deepEqual(strategy.warnings(object), [
      'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
      'spec.volumes[0].nfs: nodes that run pods as processes cannot make this volume; the pod will not start on them',
      'spec.hostUsers: ignored where pods run as processes: they have no user namespace of their own',
      'spec.containers[0].securityContext.seccompProfile: ignored where pods run as processes: they have no seccomp profile',
    ]);
    assert.deepEqual(strategy.warnings(read(r.pods, pod()).object), []);
  });

  test('grace of a pod', () => {
    const strategy = strategyOf(r.pods);
    const at = (spec: object, status: object, asked?: number): number =>
      strategy.gracePeriodSeconds({ metadata: {}, spec, status }, asked);
    assert.equal(at({ terminationGracePeriodSeconds: 5 }, {}), 0);
    assert.equal(at({ nodeName: 'n', terminationGracePeriodSeconds: 5 }, {}), 5);
    assert.equal(at({ nodeName: 'n', terminationGracePeriodSeconds: 5 }, {}, 0), 0);
    assert.equal(at({ nodeName: 'n' }, { phase: 'Succeeded' }, 9), 0);
    assert.equal(at({ nodeName: 'n', terminationGracePeriodSeconds: -1 }, {}), 1);
  });

  test('quality of service', () => {
    const of = (...list: object[]): string =>
      qosClassOf({ spec: { containers: list.map((resources) => ({ name: 'c', resources })) } });
    assert.equal(of({}), 'BestEffort');
    assert.equal(of({ limits: { cpu: '1', memory: '1Gi' } }), 'Guaranteed');
    assert.equal(of({ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1000m', memory: '1Gi' } }), 'Guaranteed');
    assert.equal(of({ limits: { cpu: '1', memory: '1Gi' } }, {}), 'Burstable');
    assert.equal(of({ requests: { cpu: '1' } }), 'Burstable');
  });

  test('an event survives the way to its other shape and back', () => {
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name: 'e',
        namespace: 'default',
        uid: 'u',
        resourceVersion: '1',
        creationTimestamp: '2026-01-01T00:00:00Z',
      },
      involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
      reason: 'Started',
      message: 'm',
      type: 'Normal',
      source: { component: 'agent', host: 'n' },
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:01Z',
      count: 2,
      reportingComponent: '',
    };
    assert.deepEqual(toCoreEvent(fromCoreEvent(event as never)), event);
  });
});
