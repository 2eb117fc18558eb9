import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startTestServer, type Loose } from '../testing/test-server.ts';
import { podSecurityViolations } from './pod-security-checks.ts';

const container = (more: object = {}) => ({ name: 'c', image: 'i', ...more });
const PODS = '/api/v1/namespaces/default/pods';

void describe('pod security', () => {
  const rows: readonly [what: string, spec: Loose, baseline: string[], restricted: string[]][] = [
    [
      'a plain pod',
      { containers: [container()] },
      [],
      [
        'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false)',
        'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"])',
        'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)',
        'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
      ],
    ],
    [
      'a restricted pod',
      {
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          container({ securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }),
        ],
      },
      [],
      [],
    ],
    [
      'the host',
      {
        hostNetwork: true,
        containers: [container({ ports: [{ containerPort: 80, hostPort: 80 }] })],
        volumes: [{ name: 'v', hostPath: { path: '/' } }],
      },
      [
        'host namespaces (hostNetwork=true)',
        'hostPath volumes (volume "v")',
        'hostPort (container "c" uses hostPort 80)',
      ],
      [],
    ],
    [
      'privileges',
      { containers: [container({ securityContext: { privileged: true, capabilities: { add: ['NET_ADMIN'] } } })] },
      [
        'privileged (container "c" must not set securityContext.privileged=true)',
        'non-default capabilities (container "c" must not include "NET_ADMIN" in securityContext.capabilities.add)',
      ],
      [],
    ],
  ];
  for (const [what, spec, baseline, restricted] of rows) {
    void it(`judges ${what}`, () => {
      assert.deepEqual(podSecurityViolations(spec, 'privileged'), []);
      assert.deepEqual(podSecurityViolations(spec, 'baseline'), baseline);
      const all = podSecurityViolations(spec, 'restricted');
      assert.deepEqual(all.slice(0, baseline.length), baseline);
      if (baseline.length === 0) assert.deepEqual(all, restricted);
    });
  }

  void it('is enforced as the namespace says', async () => {
    await using server = await startTestServer();
    const labels = {
      'pod-security.kubernetes.io/enforce': 'baseline',
      'pod-security.kubernetes.io/warn': 'restricted',
    };
    await server.ok('POST', '/api/v1/namespaces', { metadata: { name: 'safe', labels } });
    await server.ok('POST', '/api/v1/namespaces/safe/serviceaccounts', { metadata: { name: 'default' } });
    const at = '/api/v1/namespaces/safe/pods';
    const no = await server.call('POST', at, {
      metadata: { name: 'p' },
      spec: { hostNetwork: true, containers: [container()] },
    });
    assert.equal(no.status, 403);
    assert.equal(
      no.body.message,
      'pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)',
    );
    const warned = await server.call('POST', at, { metadata: { name: 'q' }, spec: { containers: [container()] } });
    assert.equal(warned.status, 201);
    assert.match(warned.headers['warning'] ?? '', /would violate PodSecurity \\"restricted:latest\\"/);
  });
});

void describe('pods', () => {
  void it('get an account, its token, and tolerations for lost nodes', async () => {
    await using server = await startTestServer();
    const without = await server.call('POST', PODS, { metadata: { name: 'p' }, spec: { containers: [container()] } });
    assert.equal(without.status, 403);
    assert.equal(
      without.body.message,
      'pods "p" is forbidden: error looking up service account default/default: serviceaccount "default" not found',
    );
    await server.ok('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
    const { metadata, spec } = await server.ok('POST', PODS, {
      metadata: { name: 'p' },
      spec: { containers: [container()] },
    });
    assert.equal(spec.serviceAccountName, 'default');
    const volume = spec.volumes[0];
    assert.match(volume.name, /^kube-api-access-/);
    assert.deepEqual(Object.keys(volume.projected.sources[0]), ['serviceAccountToken']);
    assert.deepEqual(spec.containers[0].volumeMounts, [
      { name: volume.name, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true },
    ]);
    assert.deepEqual(
      spec.tolerations.map((t: Loose) => [t.key, t.effect, t.tolerationSeconds]),
      [
        ['node.kubernetes.io/not-ready', 'NoExecute', 300],
        ['node.kubernetes.io/unreachable', 'NoExecute', 300],
      ],
    );
    // What the server filled in belongs to nobody: whoever applies the pod may set it.
    const [owner] = metadata.managedFields;
    assert.equal(owner.manager, 'test');
    assert.deepEqual(
      ['f:tolerations', 'f:volumes', 'f:serviceAccountName', 'f:priority'].filter((f) => f in owner.fieldsV1['f:spec']),
      [],
    );
    const quiet = await server.ok('POST', PODS, {
      metadata: { name: 'q' },
      spec: { automountServiceAccountToken: false, containers: [container()] },
    });
    assert.equal(quiet.spec.volumes, undefined);
  });
});

void describe('priority', () => {
  const CLASSES = '/apis/scheduling.k8s.io/v1/priorityclasses';
  const start = async () => {
    const server = await startTestServer();
    await server.ok('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
    const pod = (name: string, spec: object = {}) =>
      server.call('POST', PODS, { metadata: { name }, spec: { containers: [container()], ...spec } });
    return { server, pod };
  };
  const facts = ({ spec }: Loose) => [spec.priorityClassName, spec.priority, spec.preemptionPolicy];

  void it('of a pod comes from its class, or from the default class', async () => {
    const { server, pod } = await start();
    await using _ = server;
    assert.deepEqual(facts((await pod('plain')).body), [undefined, 0, 'PreemptLowerPriority']);
    const critical = await pod('critical', { priorityClassName: 'system-node-critical' });
    assert.deepEqual(facts(critical.body), ['system-node-critical', 2_000_001_000, 'PreemptLowerPriority']);
    await server.ok('POST', CLASSES, { metadata: { name: 'usual' }, value: 7, globalDefault: true });
    await server.ok('POST', CLASSES, { metadata: { name: 'calm' }, value: -5, preemptionPolicy: 'Never' });
    assert.deepEqual(facts((await pod('usual')).body), ['usual', 7, 'PreemptLowerPriority']);
    const calm = (await pod('calm', { priorityClassName: 'calm', priority: -5 })).body;
    assert.deepEqual(facts(calm), ['calm', -5, 'Never']);
    // Who sends a pod back without the number does not mean to take it away.
    const { priority: _p, preemptionPolicy: _q, ...spec } = calm.spec;
    const next = await server.ok('PUT', `${PODS}/calm`, { ...calm, spec });
    assert.deepEqual(facts(next), ['calm', -5, 'Never']);
  });

  void it('is refused when it is not what the class says, and classes when they would be two defaults', async () => {
    const { server, pod } = await start();
    await using _ = server;
    const refused = async (answer: Promise<{ status: number; body: Loose }>) => {
      const { status, body } = await answer;
      assert.equal(status, 403);
      return body.message;
    };
    assert.equal(
      await refused(pod('p', { priorityClassName: 'none' })),
      'pods "p" is forbidden: no PriorityClass with name none was found',
    );
    assert.equal(
      await refused(pod('p', { priority: 9 })),
      'pods "p" is forbidden: the integer value of priority (9) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
    );
    assert.equal(
      await refused(pod('p', { preemptionPolicy: 'Never' })),
      'pods "p" is forbidden: the string value of PreemptionPolicy (Never) must not be provided in pod spec; priority admission controller computed PreemptLowerPriority from the given PriorityClass name',
    );
    await server.ok('POST', CLASSES, { metadata: { name: 'usual' }, value: 7, globalDefault: true });
    const second = { metadata: { name: 'second' }, value: 7 };
    assert.equal(
      await refused(server.call('POST', CLASSES, { ...second, globalDefault: true })),
      'priorityclasses.scheduling.k8s.io "second" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
    );
    const stored = await server.ok('POST', CLASSES, second);
    await refused(server.call('PUT', `${CLASSES}/second`, { ...stored, globalDefault: true }));
    const usual = await server.ok('GET', `${CLASSES}/usual`);
    await server.ok('PUT', `${CLASSES}/usual`, { ...usual, description: 'still the default' });
    assert.equal(
      await refused(server.call('DELETE', `${CLASSES}/system-cluster-critical`)),
      'priorityclasses.scheduling.k8s.io "system-cluster-critical" is forbidden: this is a system priority class and cannot be deleted',
    );
  });
});

void describe('limit ranges', () => {
  const start = async (...limits: object[]) => {
    const server = await startTestServer();
    await server.ok('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
    await server.ok('POST', '/api/v1/namespaces/default/limitranges', { metadata: { name: 'l' }, spec: { limits } });
    const pod = (spec: object) => server.call('POST', PODS, { metadata: { name: 'p' }, spec });
    return { server, pod };
  };

  void it('fill in what containers do not say, and say so', async () => {
    const { server, pod } = await start({
      type: 'Container',
      default: { cpu: '1', memory: '64Mi' },
      defaultRequest: { cpu: '100m' },
    });
    await using _ = server;
    const half = container({ resources: { limits: { cpu: '500m' } } });
    const { body } = await pod({ containers: [half], initContainers: [{ name: 'i', image: 'i' }] });
    assert.deepEqual(
      [body.spec.containers[0].resources, body.spec.initContainers[0].resources],
      [
        // A limit that was given is the request, too.
        { limits: { cpu: '500m', memory: '64Mi' }, requests: { cpu: '500m', memory: '64Mi' } },
        { limits: { cpu: '1', memory: '64Mi' }, requests: { cpu: '100m', memory: '64Mi' } },
      ],
    );
    assert.equal(
      body.metadata.annotations['kubernetes.io/limit-ranger'],
      'LimitRanger plugin set: memory request for container c; memory limit for container c; cpu, memory request for init container i; cpu, memory limit for init container i',
    );
  });

  const one = (resources: object) => ({ containers: [container({ resources })] });
  const rows: readonly [what: string, item: object, spec: object, expected: string | undefined][] = [
    ['in range', { type: 'Container', max: { cpu: '2' }, min: { cpu: '1' } }, one({ limits: { cpu: '1' } }), undefined],
    [
      'a limit above the maximum',
      { type: 'Container', max: { cpu: '1' } },
      one({ limits: { cpu: '2' }, requests: { cpu: '1' } }),
      'maximum cpu usage per Container is 1, but limit is 2',
    ],
    [
      'a request below the minimum',
      { type: 'Container', min: { memory: '64Mi' } },
      one({ requests: { memory: '1Mi' } }),
      'minimum memory usage per Container is 64Mi, but request is 1Mi',
    ],
    [
      'a pod without limits',
      { type: 'Pod', max: { cpu: '1' } },
      one({}),
      'maximum cpu usage per Pod is 1.  No limit is specified',
    ],
    [
      'containers that are too much together',
      { type: 'Pod', max: { cpu: '1' } },
      {
        containers: ['a', 'b'].map((name) => ({ name, image: 'i', resources: { limits: { cpu: '750m' } } })),
      },
      'maximum cpu usage per Pod is 1, but limit is 1500m',
    ],
    [
      'a limit many times the request',
      { type: 'Container', maxLimitRequestRatio: { cpu: '2' } },
      one({ limits: { cpu: '3' }, requests: { cpu: '1' } }),
      'cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000',
    ],
  ];
  for (const [what, item, spec, expected] of rows) {
    void it(`judge ${what}`, async () => {
      const { server, pod } = await start(item);
      await using _ = server;
      const { status, body } = await pod(spec);
      if (expected === undefined) assert.equal(status, 201);
      else assert.deepEqual([status, body.message], [403, `pods "p" is forbidden: ${expected}`]);
    });
  }

  void it('judge claims by what they request', async () => {
    const { server } = await start({ type: 'PersistentVolumeClaim', max: { storage: '1Gi' } });
    await using _ = server;
    const { status, body } = await server.call('POST', '/api/v1/namespaces/default/persistentvolumeclaims', {
      metadata: { name: 'c' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } } },
    });
    assert.equal(status, 403);
    assert.match(body.message, /maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi$/);
  });
});

void describe('nodes', () => {
  void it('begin with the taint that keeps pods away until they are ready', async () => {
    await using server = await startTestServer();
    const { spec } = await server.ok('POST', '/api/v1/nodes', { metadata: { name: 'n1' } });
    assert.deepEqual(spec.taints, [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
  });
});

void describe('volumes and claims', () => {
  const CLAIMS = '/api/v1/namespaces/default/persistentvolumeclaims';
  const spec = (more: object = {}) => ({
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
    ...more,
  });
  const storageClass = (name: string, annotations: object, more: object = {}) => ({
    metadata: { name, annotations },
    provisioner: 'p/q',
    ...more,
  });

  void it('are kept while in use, and get the default class unless they name one', async () => {
    await using server = await startTestServer();
    const without = await server.ok('POST', CLAIMS, { metadata: { name: 'early' }, spec: spec() });
    assert.deepEqual(without.metadata.finalizers, ['kubernetes.io/pvc-protection']);
    assert.equal(without.spec.storageClassName, undefined);
    const isDefault = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    await server.ok('POST', '/apis/storage.k8s.io/v1/storageclasses', storageClass('standard', isDefault));
    const late = await server.ok('POST', CLAIMS, { metadata: { name: 'late' }, spec: spec() });
    assert.equal(late.spec.storageClassName, 'standard');
    const none = await server.ok('POST', CLAIMS, { metadata: { name: 'none' }, spec: spec({ storageClassName: '' }) });
    assert.equal(none.spec.storageClassName, '');
    const volume = await server.ok('POST', '/api/v1/persistentvolumes', {
      metadata: { name: 'v' },
      spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/v' } },
    });
    assert.deepEqual(volume.metadata.finalizers, ['kubernetes.io/pv-protection']);
  });

  void it('grow when they are bound and their class has it so', async () => {
    await using server = await startTestServer();
    const classes = '/apis/storage.k8s.io/v1/storageclasses';
    await server.ok('POST', classes, storageClass('fixed', {}));
    await server.ok('POST', classes, storageClass('elastic', {}, { allowVolumeExpansion: true }));
    const grow = async (name: string) => {
      // The answer is the server's own object.
      const now = structuredClone(await server.ok('GET', `${CLAIMS}/${name}`));
      now.spec.resources.requests.storage = '2Gi';
      return server.call('PUT', `${CLAIMS}/${name}`, now);
    };
    for (const name of ['fixed', 'elastic']) {
      const made = { metadata: { name }, spec: spec({ storageClassName: name }) };
      await server.ok('POST', CLAIMS, made);
      assert.match((await grow(name)).body.message, /Only bound persistent volume claims can be expanded/);
      const now = await server.ok('GET', `${CLAIMS}/${name}`);
      await server.ok('PUT', `${CLAIMS}/${name}/status`, { ...now, status: { phase: 'Bound' } });
    }
    const fixed = await grow('fixed');
    assert.equal(fixed.status, 403);
    assert.match(fixed.body.message, /the storageclass that provisions the pvc must support resize/);
    assert.equal((await grow('elastic')).status, 200);
  });
});
