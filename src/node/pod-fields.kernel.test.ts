// What people write into a pod's spec, seen from inside its containers: volumes, files, names, hooks, gates, debugging.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { configMaps, events, pods, secrets, type core } from '../api/objects.ts';
import { createAgentWorld } from './testing/agent-world.ts';
import { isInsideNetns } from './testing/inside-netns.ts';

if (isInsideNetns(import.meta.filename)) {
  const world = createAgentWorld();
  const { client, until, pod, phase, ready, create, logOf } = world;
  before(async () => {
    await world.start();
    const metadata = { name: 'data', namespace: 'default' };
    await client
      .resource(configMaps)
      .create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: 'from-map', b: 'hidden' } });
    await client.resource(secrets).create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
      data: { key: Buffer.from('from-secret').toString('base64') },
    });
  });
  after(() => world.dispose());

  const sh = (script: string, more: Partial<core.Container> = {}): core.Container => ({
    name: 'c',
    image: 'x',
    command: ['/bin/sh', '-c', script],
    ...more,
  });

  test('a projected volume joins all its sources, with their modes; what is optional may be missing', async () => {
    const sources: core.VolumeProjection[] = [
      { configMap: { name: 'data', items: [{ key: 'a', path: 'deep/map', mode: 0o400 }] } },
      { secret: { name: 'data' } },
      { configMap: { name: 'absent', optional: true } },
      {
        downwardAPI: {
          items: [
            { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
            { path: 'cpu', resourceFieldRef: { containerName: 'c', resource: 'limits.cpu', divisor: '1m' } },
          ],
        },
      },
    ];
    await create(
      'projected',
      {
        restartPolicy: 'Never',
        containers: [
          sh('cd /all; cat deep/map key labels cpu; stat -L -c " %a" deep/map key; touch new 2>&1 || true', {
            volumeMounts: [{ name: 'all', mountPath: '/all' }],
            resources: { limits: { cpu: '250m' } },
          }),
        ],
        volumes: [{ name: 'all', projected: { defaultMode: 0o440, sources } }],
      },
      { labels: { app: 'x' } },
    );
    const log = logOf(await phase('projected', 'Succeeded'), 'c');
    assert.match(log, /^from-mapfrom-secretapp="x"250 400\n 440\n.*Read-only file system\n$/);
  });

  test('subPath and subPathExpr mount a part of a volume; an emptyDir is shared and writable', async () => {
    const env = [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }];
    await create('parts', {
      restartPolicy: 'Never',
      initContainers: [
        sh('echo mine >/own/file', {
          name: 'writer',
          env,
          volumeMounts: [{ name: 'scratch', mountPath: '/own', subPathExpr: 'logs/$(POD)' }],
        }),
      ],
      containers: [
        sh('cat /scratch/logs/parts/file /etc/one; ls /etc/one', {
          volumeMounts: [
            { name: 'scratch', mountPath: '/scratch' },
            { name: 'map', mountPath: '/etc/one', subPath: 'a' },
          ],
        }),
      ],
      volumes: [
        { name: 'scratch', emptyDir: { medium: 'Memory' } },
        { name: 'map', configMap: { name: 'data' } },
      ],
    });
    assert.equal(logOf(await phase('parts', 'Succeeded'), 'c'), 'mine\nfrom-map/etc/one\n');
  });

  test('names: hostname and subdomain, hostAliases, the resolver of dnsPolicy None', async () => {
    await create('named', {
      restartPolicy: 'Never',
      hostname: 'web-0',
      subdomain: 'web',
      setHostnameAsFQDN: true,
      hostAliases: [{ ip: '192.0.2.7', hostnames: ['old.example', 'older.example'] }],
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['192.0.2.53'], searches: ['example'], options: [{ name: 'timeout', value: '1' }] },
      containers: [sh('hostname; cat /etc/resolv.conf; grep -E "192.0.2.7|web-0" /etc/hosts')],
    });
    const p = await phase('named', 'Succeeded');
    const fqdn = 'web-0.web.default.svc.cluster.local';
    assert.equal(
      logOf(p, 'c'),
      `${fqdn}\nnameserver 192.0.2.53\nsearch example\noptions timeout:1\n${p.status?.podIP}\t${fqdn}\tweb-0\n192.0.2.7\told.example\tolder.example\n`,
    );
  });

  test('hooks: postStart runs beside the program and its failure ends it; preStop comes before SIGTERM', async () => {
    await create('hooked', {
      terminationGracePeriodSeconds: 10,
      containers: [
        sh('trap "cat /tmp/said; exit 0" TERM; while :; do sleep 0.05; done', {
          lifecycle: {
            postStart: { exec: { command: ['/bin/sh', '-c', 'echo began >/tmp/said'] } },
            preStop: { exec: { command: ['/bin/sh', '-c', 'echo stops >>/tmp/said'] } },
          },
          livenessProbe: { exec: { command: ['/bin/sh', '-c', 'grep -q began /tmp/said'] }, failureThreshold: 30 },
          startupProbe: { exec: { command: ['test', '-e', '/tmp/said'] }, failureThreshold: 30 },
        }),
      ],
    });
    const p = await ready('hooked');
    const logs: string[] = [];
    const reading = setInterval(() => {
      try {
        logs.push(logOf(p, 'c'));
      } catch {
        // The pod's files have gone with it.
      }
    }, 1);
    await client.resource(pods).delete('hooked', { namespace: 'default', gracePeriodSeconds: 10 });
    await until('gone', () => (pod('hooked') === undefined ? true : undefined));
    clearInterval(reading);
    assert.equal(logs.at(-1), 'began\nstops\n');

    const failing = { postStart: { exec: { command: ['/bin/sh', '-c', 'echo no; exit 3'] } } };
    await create('unhooked', {
      terminationGracePeriodSeconds: 1,
      containers: [sh('sleep 100', { lifecycle: failing })],
    });
    const failed = await until('the event', () =>
      client.objects(events).find((e) => e.reason === 'FailedPostStartHook'),
    );
    assert.match(failed.message ?? '', /^PostStartHook failed: command '.*' exited with 3: no\n$/);
    await until('the restart', () =>
      pod('unhooked')?.status?.containerStatuses?.[0]?.restartCount ? true : undefined,
    );
  });

  test('messages of the end: from the file that the container names, or from its log when it failed', async () => {
    await create('last-words', {
      restartPolicy: 'Never',
      containers: [
        sh('echo written >/tmp/why; exit 1', { name: 'file', terminationMessagePath: '/tmp/why' }),
        sh('echo logged; exit 1', { name: 'log', terminationMessagePolicy: 'FallbackToLogsOnError' }),
        sh('echo logged; exit 1', { name: 'none' }),
      ],
    });
    const { status } = await phase('last-words', 'Failed');
    assert.deepEqual(
      status?.containerStatuses?.map((s) => s.state?.terminated?.message),
      ['written\n', 'logged\n', undefined],
    );
  });

  test('an ephemeral container joins its target: its processes, its network; it is never restarted', async () => {
    await create('debugged', {
      containers: [{ name: 'web', image: 'portico/web', readinessProbe: { tcpSocket: { port: 80 } } }],
    });
    const { metadata, spec } = await ready('debugged');
    const script = 'grep -l web /proc/[0-9]*/cmdline | wc -l; curl -sS http://127.0.0.1/hostname';
    const ephemeralContainers = [{ ...sh(script, { name: 'debug' }), targetContainerName: 'web' }];
    await client
      .resource(pods)
      .patch('debugged', { spec: { ...spec, ephemeralContainers } }, { type: 'merge', namespace: 'default' });
    const ended = await until('its end', () => {
      const status = pod('debugged')?.status?.ephemeralContainerStatuses?.[0];
      return status?.state?.terminated === undefined ? undefined : status;
    });
    assert.equal(ended.state?.terminated?.exitCode, 0);
    assert.equal(ended.restartCount, 0);
    const p = pod('debugged');
    assert.ok(p !== undefined);
    assert.match(logOf(p, 'debug'), /^[1-9]\d*\ndebugged\n$/, 'it sees the other container’s process and its port');
    const about = client.objects(events).find((e) => e.involvedObject.fieldPath?.endsWith('{debug}') === true);
    assert.equal(about?.involvedObject.fieldPath, 'spec.ephemeralContainers{debug}');
    assert.equal(about.involvedObject.uid, metadata.uid);
  });

  test('sidecars start before the others, in order, and end after them, the last one first', async () => {
    const order = (name: string): core.Container => ({
      ...sh(
        `trap "echo ${name} ends >>/shared/order; exit 0" TERM; echo ${name} >>/shared/order; while :; do sleep 0.02; done`,
      ),
      name,
      volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
    });
    const sidecar = (name: string) => ({
      ...order(name),
      restartPolicy: 'Always',
      startupProbe: { exec: { command: ['grep', '-q', `^${name}$`, '/shared/order'] }, failureThreshold: 100 },
    });
    const { uid } = (
      await create('ordered', {
        terminationGracePeriodSeconds: 20,
        initContainers: [sidecar('one'), sidecar('two')],
        containers: [order('main')],
        volumes: [{ name: 'shared', hostPath: { path: `${world.dir}/node-1/shared`, type: 'DirectoryOrCreate' } }],
      })
    ).metadata;
    await ready('ordered');
    // Before its trap is set the first process of a container heeds no SIGTERM.
    await until('main', () => (world.read('node-1/shared/order').includes('main') ? true : undefined), 20_000);
    await client.resource(pods).delete('ordered', { namespace: 'default', gracePeriodSeconds: 20 });
    await until('gone', () => (pod('ordered')?.metadata.uid === uid ? undefined : true), 20_000);
    assert.equal(world.read('node-1/shared/order'), 'one\ntwo\nmain\nmain ends\ntwo ends\none ends\n');
  });
}
