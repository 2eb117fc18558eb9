// The agent from a pod object to answered requests, against an API server in memory and the real kernel.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import https from 'node:https';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { configMaps, events, leases, nodes, pods, type Pod } from '../api/objects.ts';
import { createCa, issueCert } from '../pki/index.ts';
import { isInsideNetns } from './testing/inside-netns.ts';
import { createAgentWorld } from './testing/agent-world.ts';

if (isInsideNetns(import.meta.filename)) {
  const ca = createCa('test');
  const node = issueCert(ca, { cn: 'system:node:node-1', ips: ['127.0.0.1'], usages: ['server'] });
  const apiServer = issueCert(ca, { cn: 'kube-apiserver-kubelet-client', usages: ['client'] });
  const anybody = issueCert(ca, { cn: 'jane', orgs: ['developers'], usages: ['client'] });
  const world = createAgentWorld({ certPem: node.certPem, keyPem: node.keyPem, clientCaPem: ca.certPem });
  const { dir, client, network, until, pod, isReady, ready, create, get, logOf } = world;

  before(world.start);
  after(() => world.dispose());

  test('the node is registered, ready, and sends its heartbeat', async () => {
    const node = await until('node ready', () =>
      client.find(nodes, 'node-1')?.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True')
        ? client.find(nodes, 'node-1')
        : undefined,
    );
    assert.equal(node.metadata.labels?.['kubernetes.io/hostname'], 'node-1');
    assert.equal(node.status?.addresses?.[0]?.address, '10.99.0.1');
    assert.ok(Number(node.status?.capacity?.['cpu']) > 0);
    const lease = await until('lease', () => client.find(leases, 'kube-node-lease/node-1'));
    assert.equal(lease.spec?.holderIdentity, 'node-1');
  });

  test('portico/web becomes ready by its probe and answers with its name and the client', async () => {
    const t0 = performance.now();
    await create('web', {
      containers: [{ name: 'web', image: 'portico/web', readinessProbe: { httpGet: { path: '/readyz', port: 80 } } }],
    });
    const p = await ready('web');
    console.log(`portico/web created to ready: ${(performance.now() - t0).toFixed(0)} ms`);
    const text = await get(p);
    assert.match(text, /^pod: web$/m);
    assert.match(text, new RegExp(`^address: ${p.status?.podIP}:80$`, 'm'));
    assert.match(text, /^client: 10\.99\.0\.1:\d+$/m);
    assert.equal(p.status?.phase, 'Running');
    assert.equal(p.status?.qosClass, 'BestEffort');
    const reasons = () =>
      client
        .objects(events)
        .filter((e) => e.involvedObject.name === 'web')
        .map((e) => e.reason);
    await until('events', () => (reasons().includes('Started') ? true : undefined));
    assert.deepEqual(reasons().slice(0, 3), ['Pulled', 'Created', 'Started']);
  });

  test('a container that ends is restarted at once, then with back-off', async () => {
    await create('crash', {
      containers: [{ name: 'c', image: 'portico/shell', command: ['/bin/sh', '-c', 'echo run; exit 3'] }],
    });
    const p = await until('back-off', () => {
      const s = pod('crash')?.status?.containerStatuses?.[0];
      return s?.state?.waiting?.reason === 'CrashLoopBackOff' ? pod('crash') : undefined;
    });
    const s = p.status?.containerStatuses?.[0];
    assert.equal(s?.restartCount, 1);
    assert.equal(s?.lastState?.terminated?.exitCode, 3);
    assert.match(s?.state?.waiting?.message ?? '', /^back-off 10s restarting failed container=c pod=crash_default\(/);
    assert.equal(p.status?.phase, 'Running');
  });

  test('a pod that the control plane has failed ends, and none of it starts again', async () => {
    const made = await create('given-up', {
      containers: [{ name: 'c', image: 'portico/shell', command: ['/bin/sleep', '1000'] }],
      terminationGracePeriodSeconds: 0,
    });
    const running = await ready('given-up');
    const status = { ...running.status, phase: 'Failed', reason: 'NodeLost', message: 'gone' };
    await client.resource(pods).updateStatus({ ...running, status });
    const ended = await until('its end', () =>
      pod('given-up')?.status?.containerStatuses?.[0]?.state?.terminated === undefined ? undefined : pod('given-up'),
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(pod('given-up')?.status?.containerStatuses?.[0]?.restartCount, 0);
    assert.deepEqual(
      [ended.metadata.uid, ended.status?.phase, ended.status?.reason, ended.status?.message],
      [made.metadata.uid, 'Failed', 'NodeLost', 'gone'],
    );
    await world.remove('given-up');
  });

  test('a job-like pod succeeds; its init container ran before', async () => {
    await create('job', {
      restartPolicy: 'Never',
      initContainers: [
        {
          name: 'first',
          image: 'x',
          command: ['/bin/sh', '-c', 'echo hello >/work/file'],
          volumeMounts: [{ name: 'w', mountPath: '/work' }],
        },
      ],
      containers: [
        {
          name: 'c',
          image: 'x',
          command: ['/bin/cat', '/work/file'],
          volumeMounts: [{ name: 'w', mountPath: '/work' }],
        },
      ],
      volumes: [{ name: 'w', emptyDir: {} }],
    });
    const p = await until('succeeded', () => (pod('job')?.status?.phase === 'Succeeded' ? pod('job') : undefined));
    assert.equal(logOf(p, 'c'), 'hello\n');
    assert.equal(p.status?.initContainerStatuses?.[0]?.state?.terminated?.reason, 'Completed');
    assert.equal(p.status?.conditions?.find((c) => c.type === 'Ready')?.reason, 'PodCompleted');
  });

  test('an unknown image says what to do', async () => {
    await create('unknown', { containers: [{ name: 'c', image: 'example.com/app:1' }] });
    const p = await until('image problem', () =>
      pod('unknown')?.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'ErrImagePull'
        ? pod('unknown')
        : undefined,
    );
    assert.match(p.status?.containerStatuses?.[0]?.state?.waiting?.message ?? '', /portico\/web/);
    assert.equal(p.status?.phase, 'Pending');
  });

  test('a pod that somebody bound to a node that it does not fit is rejected, and nothing of it runs', async () => {
    const shell = { name: 'c', image: 'portico/shell' };
    await create('elsewhere', { nodeSelector: { disk: 'none' }, containers: [shell] });
    await create('greedy', { containers: [{ ...shell, resources: { requests: { cpu: '10k' } } }] });
    const rejected = async (name: string) => {
      const p = await until(`${name} has failed`, () =>
        pod(name)?.status?.phase === 'Failed' ? pod(name) : undefined,
      );
      const said = await until('the event', () => client.objects(events).find((e) => e.involvedObject.name === name));
      assert.deepEqual([said.type, said.reason], ['Warning', p.status?.reason]);
      assert.equal(p.status?.message, `Pod was rejected: ${said.message}`);
      assert.equal(p.status?.containerStatuses?.[0]?.containerID, undefined);
      await client.resource(pods).delete(name, { namespace: 'default', gracePeriodSeconds: 1 });
      return said.reason;
    };
    assert.equal(await rejected('elsewhere'), 'NodeAffinity');
    assert.equal(await rejected('greedy'), 'OutOfcpu');
    await client.resource(nodes).patch('node-1', { metadata: { labels: { disk: 'now' } } }, { type: 'merge' });
    await create('labelled', { nodeSelector: { disk: 'now' }, containers: [shell] });
    await ready('labelled');
    await client.resource(pods).delete('labelled', { namespace: 'default', gracePeriodSeconds: 1 });
  });

  test('configuration, downward fields and variables reach the container', async () => {
    await client.resource(configMaps).create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'cm', namespace: 'default' },
      data: { key: 'value', other: 'x' },
    });
    await create('env', {
      restartPolicy: 'Never',
      containers: [
        {
          name: 'c',
          image: 'x',
          command: [
            '/bin/sh',
            '-c',
            'echo "$A $B $IP"; cat /cfg/key; ls /cfg; cat /etc/podinfo/name; cat /etc/resolv.conf /etc/hosts; hostname; grep hosts: /etc/nsswitch.conf; echo bye >/dev/termination-log',
          ],
          env: [
            { name: 'A', value: 'a' },
            { name: 'B', value: '$(A)b' },
            { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          ],
          envFrom: [{ configMapRef: { name: 'cm' } }],
          volumeMounts: [
            { name: 'cfg', mountPath: '/cfg' },
            { name: 'info', mountPath: '/etc/podinfo' },
          ],
        },
      ],
      volumes: [
        { name: 'cfg', configMap: { name: 'cm' } },
        { name: 'info', downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
      ],
    });
    const p = await until('succeeded', () => (pod('env')?.status?.phase === 'Succeeded' ? pod('env') : undefined));
    const log = logOf(p, 'c');
    assert.match(log, new RegExp(`^a ab ${p.status?.podIP}\\nvaluekey\\nother\\nenvnameserver 10.96.0.10\\n`));
    assert.match(log, /search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local/);
    assert.match(log, new RegExp(`${p.status?.podIP}\tenv\nenv\nhosts: files dns\n$`));
    assert.equal(p.status?.containerStatuses?.[0]?.state?.terminated?.message, 'bye\n');
  });

  /** A request to the node's API with this certificate. */
  const ask = (where: string, who?: { certPem: string; keyPem: string }) =>
    new Promise<{ code: number; text: string }>((resolve, reject) => {
      const tls = { ca: ca.certPem, ...(who === undefined ? {} : { cert: who.certPem, key: who.keyPem }) };
      const req = https.get({ host: '127.0.0.1', port: world.port, path: where, agent: false, ...tls }, (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('end', () => resolve({ code: res.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
      });
      req.on('error', reject);
    });

  test('the API of the node: only for the API server; pods, logs, health', async () => {
    await ready('web');
    assert.equal((await ask('/pods')).code, 401);
    assert.deepEqual(await ask('/pods', anybody), {
      code: 403,
      text: 'Forbidden (user=jane, verb=get, resource=nodes, subresource=proxy)\n',
    });
    assert.deepEqual(await ask('/healthz', apiServer), { code: 200, text: 'ok' });
    const list = JSON.parse((await ask('/pods', apiServer)).text) as { items: Pod[] };
    assert.ok(list.items.some((p) => p.metadata.name === 'web'));
    assert.deepEqual(await ask('/containerLogs/default/web/web', apiServer), {
      code: 200,
      text: 'listening on port 80\n',
    });
    assert.equal((await ask('/containerLogs/default/crash/c?previous=true', apiServer)).text, 'run\n');
    assert.match((await ask('/containerLogs/default/unknown/c', apiServer)).text, /is waiting to start: /);
    assert.equal((await ask('/containerLogs/default/web/web?tailLines=x', apiServer)).code, 400);
    assert.equal((await ask('/containerLogs/default/nobody/c', apiServer)).code, 404);
    assert.equal((await ask('/nothing', apiServer)).code, 404);
    const metrics = (await ask('/metrics', apiServer)).text;
    assert.match(metrics, /^kubelet_node_name\{node="node-1"\} 1$/m);
    assert.match(metrics, /^kubelet_running_pods [1-9]/m);
    assert.match(metrics, /^kubelet_started_containers_total\{container_type="init_container"\} 1$/m);
    assert.match(
      metrics,
      /^kubelet_started_containers_errors_total\{code="ErrImagePull",container_type="container"\} 1$/m,
    );
    const resources = (await ask('/metrics/resource', apiServer)).text;
    const memory = /^container_memory_working_set_bytes\{container="web",namespace="default",pod="web"\} (\d+)$/m;
    assert.ok(Number(memory.exec(resources)?.[1]) > 1_000_000, resources);
    assert.match(
      resources,
      /^container_cpu_usage_seconds_total\{container="web",namespace="default",pod="web"\} 0\.\d+$/m,
    );
    assert.equal((await ask('/metrics', anybody)).code, 403);
    const stats = JSON.parse((await ask('/stats/summary', apiServer)).text) as { pods: unknown[] };
    assert.ok(stats.pods.length > 0);
  });

  test('exec over WebSocket: channels, end of input, exit code', async () => {
    const tls = { ca: ca.certPem, cert: apiServer.certPem, key: apiServer.keyPem };
    const script = 'cat; echo e >&2; exit 7';
    const query = new URLSearchParams([['command', 'sh'], ['command', '-c'], ['command', script], ['input', '1'], ['output', '1'], ['error', '1']]); // prettier-ignore
    const url = `wss://127.0.0.1:${world.port}/exec/default/web/web?${query.toString()}`;
    const ws = new WebSocket(url, ['v5.channel.k8s.io'], tls);
    const channels = new Map<number, string>();
    ws.on('message', (data: Buffer) => {
      channels.set(data[0] ?? 0, (channels.get(data[0] ?? 0) ?? '') + data.subarray(1).toString());
    });
    await new Promise((resolve) => ws.on('open', resolve));
    ws.send(Buffer.from('\0typed\n'));
    ws.send(Buffer.from([255, 0]));
    await new Promise((resolve) => ws.on('close', resolve));
    assert.equal(channels.get(1), 'typed\n');
    assert.equal(channels.get(2), 'e\n');
    assert.match(channels.get(3) ?? '', /"reason":"ExitCode","message":"7"/);
    const refused = new WebSocket(url, ['v5.channel.k8s.io'], { ca: ca.certPem });
    await assert.rejects(new Promise((_, reject) => refused.on('error', reject)), /401/);
  });

  test('a hostPort of the node leads to the pod, as long as it is there', async () => {
    const ports = [{ containerPort: 80, hostPort: 8088 }];
    await create('port', {
      containers: [{ name: 'w', image: 'portico/web', ports, readinessProbe: { tcpSocket: { port: 80 } } }],
    });
    const { uid } = (await ready('port')).metadata;
    const fetchPort = (host = '10.99.0.1') =>
      fetch(`http://${host}:8088/hostname`, { headers: { connection: 'close' } });
    assert.equal(await (await fetchPort()).text(), 'port');
    assert.equal(await (await fetchPort('127.0.0.1')).text(), 'port', 'also from the node itself');
    await client.resource(pods).delete('port', { namespace: 'default', gracePeriodSeconds: 5 });
    await until('gone', () => (pod('port') === undefined && !network.attached.has(uid) ? true : undefined));
    await assert.rejects(fetchPort());
  });

  test('a client of UDP that keeps sending reaches the next pod that has the hostPort', async () => {
    const ports = [{ containerPort: 7, hostPort: 8089, protocol: 'UDP' }];
    const args = ['--udp-echo', '7'];
    const readinessProbe = { tcpSocket: { port: 80 } };
    const socket = createSocket('udp4');
    const answer = async () => {
      const reply = once(socket, 'message', { signal: AbortSignal.timeout(3000) });
      socket.send('hello', 8089, '10.99.0.1');
      return String((await reply)[0]);
    };
    try {
      for (const name of ['udp-a', 'udp-b']) {
        await create(name, { containers: [{ name: 'w', image: 'portico/web', args, ports, readinessProbe }] });
        await ready(name);
        assert.match(await answer(), /hello/, name);
        await client.resource(pods).delete(name, { namespace: 'default', gracePeriodSeconds: 1 });
        await until(`${name} is gone`, () => (pod(name) === undefined ? true : undefined));
      }
    } finally {
      socket.close();
    }
  });

  test('an agent that starts again takes over, restarts nothing, and the pods served meanwhile', async () => {
    const before = await ready('web');
    await world.stop();
    assert.match(await get(before), /^pod: web$/m);
    const patches = client.actions.filter((a) => a.plural === 'pods' && a.key === 'default/web').length;
    await world.start();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const now = pod('web');
    assert.equal(now?.status?.containerStatuses?.[0]?.containerID, before.status?.containerStatuses?.[0]?.containerID);
    assert.equal(now?.status?.containerStatuses?.[0]?.restartCount, 0);
    assert.ok(isReady(now));
    assert.equal(
      client.actions.filter((a) => a.plural === 'pods' && a.key === 'default/web').length,
      patches,
      'nothing to write',
    );
  });

  test('a killed container is replaced in its pod, address and name stay', async () => {
    const p = await ready('web');
    const pid = readFileSync(path.join(dir, 'node-1/run/pods', p.metadata.uid, 'containers/web.0/pid'), 'utf8');
    process.kill(Number(pid), 'SIGKILL');
    const again = await until('restarted', () =>
      pod('web')?.status?.containerStatuses?.[0]?.restartCount === 1 && isReady(pod('web')) ? pod('web') : undefined,
    );
    assert.equal(again.status?.podIP, p.status?.podIP);
    assert.equal(again.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 137);
    assert.match(await get(again, '/hostname'), /^web$/);
  });

  test('a pod whose namespace is lost is not ready, and is made anew: init containers, containers, address', async () => {
    const init = { name: 'first', image: 'x', command: ['/bin/sh', '-c', 'echo ran'] };
    const { uid } = (
      await create('lost', {
        shareProcessNamespace: true,
        terminationGracePeriodSeconds: 5,
        initContainers: [init],
        containers: [{ name: 'w', image: 'portico/web', readinessProbe: { tcpSocket: { port: 80 } } }],
      })
    ).metadata;
    const before = await ready('lost');
    const readiness: (boolean | undefined)[] = [];
    const watching = setInterval(() => {
      const now = isReady(pod('lost'));
      if (readiness.at(-1) !== now) readiness.push(now);
    }, 1);
    network.lose(uid);
    const after = await until('made anew', () => {
      const p = pod('lost');
      return isReady(p) && p?.status?.podIP !== before.status?.podIP ? p : undefined;
    });
    clearInterval(watching);
    assert.ok(readiness.includes(false), 'it was not ready in between');
    assert.equal(await get(after, '/hostname'), 'lost');
    const { initContainerStatuses = [], containerStatuses = [] } = after.status ?? {};
    assert.deepEqual(
      [...initContainerStatuses, ...containerStatuses].map((s) => s.restartCount),
      [1, 1],
    );
    const changed = await until('the event', () => client.objects(events).find((e) => e.reason === 'SandboxChanged'));
    assert.equal(changed.message, 'Pod sandbox changed, it will be killed and re-created.');

    await create('done', {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'c', image: 'x', command: ['/bin/sh', '-c', 'sleep 1000'] }],
    });
    network.lose((await ready('done')).metadata.uid);
    const ended = await until('its end', () => (pod('done')?.status?.phase === 'Failed' ? pod('done') : undefined));
    assert.equal(ended.status?.containerStatuses?.[0]?.restartCount, 0, 'a pod that must not restart stays ended');
    for (const name of ['lost', 'done'])
      await client.resource(pods).delete(name, { namespace: 'default', gracePeriodSeconds: 1 });
  });

  test('an agent that finds its network not ready yet warns nobody at once', async () => {
    const before = await ready('web');
    await world.stop();
    network.isReady = false;
    await world.start();
    await new Promise((resolve) => setTimeout(resolve, 300));
    network.isReady = true;
    world.networkChanged();
    await create('later', { containers: [{ name: 'c', image: 'portico/shell' }] });
    await ready('later');
    assert.ok(isReady(pod('web')));
    assert.equal(pod('web')?.status?.podIP, before.status?.podIP);
    assert.deepEqual(
      client.objects(events).filter((e) => e.reason === 'NetworkNotReady'),
      [],
    );
    await client.resource(pods).delete('later', { namespace: 'default', gracePeriodSeconds: 1 });
  });

  test('deletion lets the program end by itself, then nothing is left', async () => {
    await ready('web');
    const uid = pod('web')?.metadata.uid ?? '';
    await client.resource(pods).delete('web', { namespace: 'default', gracePeriodSeconds: 10 });
    const t0 = performance.now();
    await until('gone', () => (pod('web') === undefined ? true : undefined));
    const seconds = (performance.now() - t0) / 1000;
    assert.ok(seconds > 0.8 && seconds < 4, `the drain took ${seconds} s`);
    assert.ok(!network.attached.has(uid));
    for (const name of ['crash', 'job', 'unknown', 'env'])
      await client.resource(pods).delete(name, { namespace: 'default', gracePeriodSeconds: 1 });
    await until('all gone', () => (client.objects(pods).length === 0 ? true : undefined));
    assert.deepEqual(readdirSync(path.join(dir, 'node-1/run/pods')), []);
    assert.deepEqual(readdirSync(path.join(dir, 'node-1/logs/pods')), []);
    assert.equal(network.attached.size, 0);
  });
}
