// For kernel tests of whole pods: an agent on this machine, an API server in memory, and short words for both.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { pods, type core, type Pod } from '../../api/objects.ts';
import { createFakeClient } from '../../client/index.ts';
import { createLogger, silentLogger } from '../../log/index.ts';
import { startNodeAgent } from '../agent.ts';
import type { KubeletTls, NodeAgent } from '../contract.ts';
import { CgroupTree } from '../runtime/cgroup-tree.ts';
import { testPodNetwork } from './test-pod-network.ts';

const isTrue = (pod: Pod | undefined, condition: string) =>
  pod?.status?.conditions?.some((c) => c.type === condition && c.status === 'True') === true;

export function createAgentWorld(kubeletTls?: KubeletTls) {
  const dir = mkdtempSync(path.join(tmpdir(), `test-${process.pid}-agent-`));
  const clusterName = `test-${process.pid}-agent`;
  const client = createFakeClient();
  const network = testPodNetwork(`pt${process.pid}`);
  let agent: NodeAgent | undefined;

  const start = async () => {
    agent = await startNodeAgent({
      ...(kubeletTls === undefined ? {} : { kubeletTls }),
      listen: { host: '127.0.0.1', port: 0 },
      client,
      nodeName: 'node-1',
      nodeIps: () => ['10.99.0.1'],
      podNetwork: network,
      stateDir: path.join(dir, 'node-1'),
      clusterName,
      clusterDns: ['10.96.0.10'],
      clusterDomain: 'cluster.local',
      log: process.env['SHOW'] === undefined ? silentLogger : createLogger({ level: 'debug' }),
    });
  };
  /** Tries until there is something; shows the pods' statuses when there never is. */
  const until = async <T>(what: string, get: () => T | undefined, ms = 10_000): Promise<T> => {
    const end = performance.now() + ms;
    for (;;) {
      const value = get();
      if (value !== undefined) return value;
      if (performance.now() > end) {
        const statuses = client.objects(pods).map((p) => p.status);
        assert.fail(`not within ${ms} ms: ${what}\n${JSON.stringify(statuses, null, 1)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  const pod = (name: string) => client.find(pods, `default/${name}`);
  const phase = (name: string, wanted: string) =>
    until(`${name} is ${wanted}`, () => (pod(name)?.status?.phase === wanted ? pod(name) : undefined));
  return {
    dir,
    client,
    network,
    start,
    until,
    pod,
    phase,
    get port() {
      return agent?.port;
    },
    stop: () => agent?.stop(),
    networkChanged: () => agent?.networkChanged(),
    isReady: (p: Pod | undefined) => isTrue(p, 'Ready'),
    ready: (name: string) => until(`${name} is ready`, () => (isTrue(pod(name), 'Ready') ? pod(name) : undefined)),
    create: (
      name: string,
      spec: Partial<core.PodSpec> & { containers: core.Container[] },
      metadata: { labels?: Record<string, string>; annotations?: Record<string, string> } = {},
    ) =>
      client.resource(pods).create({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { ...metadata, name, namespace: 'default' },
        spec: { nodeName: 'node-1', ...spec },
        status: { phase: 'Pending' },
      }),
    remove: (name: string) => client.resource(pods).delete(name, { namespace: 'default', gracePeriodSeconds: 1 }),
    get: async (p: Pod, where = '/') => (await fetch(`http://${p.status?.podIP}${where}`)).text(),
    logOf: (p: Pod, container: string, attempt = 0) => {
      const folder = `default_${p.metadata.name}_${p.metadata.uid}`;
      const file = path.join(dir, 'node-1/logs/pods', folder, container, `${attempt}.log`);
      return readFileSync(file, 'utf8').replaceAll(/^\S+ \S+ F /gm, '');
    },
    read: (file: string) => readFileSync(path.join(dir, file), 'utf8'),
    /** Also after a failure nothing stays behind. */
    async dispose() {
      for (const p of client.objects(pods)) {
        await client.resource(pods).delete(p.metadata.name, { namespace: 'default', gracePeriodSeconds: 0 });
      }
      const run = path.join(dir, 'node-1/run');
      await until('all is gone', () => (network.attached.size === 0 ? true : undefined));
      await agent?.stop();
      execFileSync('umount', ['-l', run]);
      rmSync(dir, { recursive: true, force: true });
      new CgroupTree(`portico-${clusterName}`).removeAll();
    },
  };
}
