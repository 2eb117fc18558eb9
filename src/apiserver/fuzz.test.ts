// Whatever is sent, the server answers, with a failure of the client and never one of its own.
import assert from 'node:assert/strict';
import process from 'node:process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { silentLogger, type Logger } from '../log/index.ts';
import { servedResources } from './discovery/served-resources.ts';
import { startTestServer, type TestServer } from './testing/test-server.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 1500);

const patchTypes = ['json-patch+json', 'merge-patch+json', 'strategic-merge-patch+json', 'apply-patch+yaml'];
const otherTypes = ['json', 'yaml', 'vnd.kubernetes.protobuf'];
const type = fc.constantFrom(...[...patchTypes, ...otherTypes].map((t) => `application/${t}`));
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    0,
    1,
    -1,
    80,
    1.5,
    '',
    'a',
    'None',
    true,
    [],
    {},
    [null],
    [{}],
    2 ** 53,
    '10.96.0.9',
    '1/2',
    'x'.repeat(300),
  ),
  fc.string({ maxLength: 6 }),
);
const fields = [
  'metadata',
  'spec',
  'status',
  'name',
  'ports',
  '$patch',
  '$setElementOrder/ports',
  '__proto__',
  'constructor',
  'finalizers',
];
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    odd,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(fc.constantFrom(...fields), tie('value')), { maxLength: 4 }).map(objectOf),
  ),
}));

/** An own property for every pair, whatever its name. */
function objectOf(pairs: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [key, item] of pairs) {
    Object.defineProperty(object, key, { value: item, enumerable: true, configurable: true, writable: true });
  }
  return object;
}

const pod = {
  containers: [
    {
      name: 'c',
      image: 'i',
      ports: [{ containerPort: 80, name: 'http' }],
      env: [{ name: 'A', value: 'b' }],
      readinessProbe: { httpGet: { path: '/', port: 80 } },
    },
  ],
  volumes: [{ name: 'v', emptyDir: {} }],
  tolerations: [{ key: 'a', operator: 'Exists' }],
};
const workload = {
  replicas: 1,
  selector: { matchLabels: { a: 'b' } },
  template: { metadata: { labels: { a: 'b' } }, spec: pod },
};
const samples: Readonly<Record<string, object>> = {
  services: {
    spec: {
      type: 'NodePort',
      selector: { a: 'b' },
      ports: [
        { name: 'http', port: 80, targetPort: 'http', nodePort: 30_100 },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ],
      clusterIPs: ['10.96.0.50'],
      ipFamilies: ['IPv4'],
      externalIPs: ['192.0.2.1'],
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } },
    },
  },
  pods: { spec: pod },
  deployments: {
    spec: { ...workload, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 1 } } },
  },
  replicasets: { spec: workload },
  statefulsets: { spec: { ...workload, serviceName: 's' } },
  daemonsets: { spec: workload },
  replicationcontrollers: { spec: { ...workload, selector: { a: 'b' } } },
  endpointslices: {
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: true } }],
    ports: [{ name: '', port: 80, protocol: 'TCP' }],
  },
  endpoints: { subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] },
  configmaps: { data: { a: 'b' }, binaryData: { c: 'AA==' } },
  secrets: { type: 'Opaque', data: { a: 'AA==' } },
  nodes: {
    spec: { podCIDR: '10.244.0.0/24', taints: [{ key: 'a', effect: 'NoSchedule' }] },
    status: { addresses: [{ type: 'InternalIP', address: '10.0.0.1' }] },
  },
  namespaces: { spec: { finalizers: ['kubernetes'] } },
  roles: { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] },
  rolebindings: {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'a' },
    subjects: [{ kind: 'User', name: 'x', apiGroup: 'rbac.authorization.k8s.io' }],
  },
  clusterroles: { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } },
  ingresses: {
    spec: {
      rules: [
        {
          host: 'a',
          http: {
            paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 's', port: { number: 80 } } } }],
          },
        },
      ],
    },
  },
  networkpolicies: {
    spec: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }] }] },
  },
  servicecidrs: { spec: { cidrs: ['10.200.0.0/16'] } },
  ipaddresses: { spec: { parentRef: { resource: 'services', namespace: 'default', name: 'a' } } },
  leases: { spec: { holderIdentity: 'x', leaseDurationSeconds: 10, renewTime: '2026-01-01T00:00:00.000000Z' } },
  events: {
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'a' },
    reason: 'R',
    message: 'm',
    type: 'Normal',
  },
};

/** The sample with the value at one random place, or a new field there, replaced by something odd. */
function mutated(sample: unknown, steps: readonly number[], replacement: unknown, key: string): unknown {
  const [step = 0, ...more] = steps;
  if (typeof sample !== 'object' || sample === null || steps.length === 0) return replacement;
  if (Array.isArray(sample)) {
    const at = step % (sample.length + 1);
    return sample
      .map((item: unknown, i) => (i === at ? mutated(item, more, replacement, key) : item))
      .concat(at === sample.length ? [replacement] : []);
  }
  const pairs = Object.entries(sample);
  const at = step % (pairs.length + 1);
  if (at === pairs.length) return objectOf([...pairs, [key, replacement]]);
  return objectOf(pairs.map(([k, item], i) => [k, i === at ? mutated(item, more, replacement, key) : item]));
}

interface Sent {
  method: string;
  path: string;
  query: string;
  type: string;
  accept: string;
  body: Uint8Array | undefined;
}

const accept = fc.constantFrom('application/json', '*/*', 'application/json;as=Table;v=v1;g=meta.k8s.io', 'text/html');
const encode = (v: unknown) => new TextEncoder().encode(JSON.stringify(v));
const kind = fc.constantFrom(...servedResources.filter((s) => s.stored));
const name = fc.constantFrom('a', 'b', 'kubernetes', 'default');

/** Requests that would be right but for one place. */
const nearlyRight = fc
  .record({
    kind,
    name,
    verb: fc.constantFrom('POST', 'POST', 'PUT', 'PATCH', 'GET', 'DELETE'),
    steps: fc.array(fc.nat(6), { maxLength: 9 }),
    odd: fc.oneof(odd, value),
    key: fc.constantFrom(...fields),
    patch: fc.constantFrom(...patchTypes),
    sub: fc.constantFrom(
      '',
      '',
      '',
      'status',
      'scale',
      'finalize',
      'ephemeralcontainers',
      'binding',
      'eviction',
      'token',
    ),
    query: fc.constantFrom(
      '',
      'dryRun=All',
      'fieldValidation=Strict',
      'fieldManager=m&force=true',
      'limit=1',
      'propagationPolicy=Orphan',
      'labelSelector=a%3Db',
      'fieldSelector=metadata.name%3Da',
    ),
    accept,
  })
  .map((r): Sent => {
    const { group, version, plural, namespaced } = r.kind.resource;
    const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    const collection = [root, ...(namespaced ? ['namespaces/default'] : []), plural].join('/');
    const object = {
      metadata: { name: r.name, labels: { a: 'b' }, finalizers: [], ownerReferences: [] },
      ...samples[plural],
    };
    const changed = mutated(object, r.steps, r.odd, r.key);
    const jsonPatch = r.patch === 'json-patch+json';
    const operations = Object.keys((changed ?? {}) as object).map((k) => ({
      op: 'add',
      path: `/${k}`,
      value: (changed as Record<string, unknown>)[k],
    }));
    const sub = r.verb === 'POST' && !['binding', 'eviction', 'token'].includes(r.sub) ? '' : r.sub;
    return {
      method: r.verb,
      path: r.verb === 'POST' && sub === '' ? collection : [collection, r.name, ...(sub === '' ? [] : [sub])].join('/'),
      query: r.query,
      type: `application/${r.verb === 'PATCH' ? r.patch : 'json'}`,
      accept: r.accept,
      body:
        r.verb === 'GET'
          ? undefined
          : r.verb === 'DELETE'
            ? encode({ gracePeriodSeconds: 0 })
            : encode(r.verb === 'PATCH' && jsonPatch ? operations : changed),
    };
  });

/** Requests that are mostly wrong. */
const word = fc.oneof(fc.constantFrom('', 'a', 'default', '%zz', '..', '__proto__'), fc.string({ maxLength: 8 }));
const wild = fc.record<Sent>({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'),
  path: fc.oneof(
    fc.webPath(),
    fc
      .tuple(kind, word, word)
      .map(
        ([{ resource: r }, a, b]) =>
          `/${r.group === '' ? 'api' : `apis/${r.group}`}/v1/namespaces/default/${r.plural}/${encodeURI(a)}/${encodeURI(b)}`,
      ),
  ),
  query: fc
    .array(
      fc.tuple(
        fc.constantFrom(
          'limit',
          'continue',
          'resourceVersion',
          'resourceVersionMatch',
          'labelSelector',
          'fieldSelector',
          'gracePeriodSeconds',
          'includeObject',
        ),
        word,
      ),
      { maxLength: 3 },
    )
    .map((pairs) => new URLSearchParams(pairs).toString()),
  type,
  accept,
  body: fc.oneof(
    fc.constant(undefined),
    fc.uint8Array({ maxLength: 40 }),
    // A protobuf envelope with anything in it.
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Uint8Array.from([0x6b, 0x38, 0x73, 0, ...bytes])),
    value.map(encode),
  ),
});

void describe('fuzz', () => {
  async function hammer(requests: fc.Arbitrary<Sent>): Promise<Map<number, number>> {
    let last: unknown;
    const log: Logger = { ...silentLogger, error: (_message, what) => void (last = what), with: () => log };
    await using server: TestServer = await startTestServer({ log });
    await server.ok('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(requests, async (r) => {
        const headers = { 'content-type': r.type, accept: r.accept };
        const { status, body } = await server.call(r.method, `${r.path}?${r.query}`, r.body, { headers });
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        const cause = (last as { error?: Error } | undefined)?.error?.stack;
        assert.ok(
          status !== 500,
          `${JSON.stringify(body)} ${r.body === undefined ? '' : Buffer.from(r.body).toString()}\n${cause}`,
        );
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
    return statuses;
  }

  void it('no request that is nearly right makes the server fail', { timeout: 60_000 }, async () => {
    const statuses = await hammer(nearlyRight);
    // Enough of them must get through for the rest to mean something.
    for (const status of [200, 201, 400, 404, 409, 422])
      assert.ok((statuses.get(status) ?? 0) > 0, `none answered ${status}`);
    if (process.env['FUZZ_RUNS'] !== undefined) console.log(statuses);
  });

  void it('no wild request makes the server fail', { timeout: 60_000 }, async () => {
    await hammer(wild);
  });
});
