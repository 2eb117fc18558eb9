// A cluster for a scenario: brought up by the real command, spoken to with the real kubectl, gone afterwards.
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

export const root = path.join(import.meta.dirname, '..', '..');
export const portico = path.join(root, 'bin', 'portico');
const PATH = `${process.env['PATH'] ?? ''}:${path.join(root, '.cache', 'bin')}`;

export interface Ran {
  status: number;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end; never throws for its exit code. */
export function run(
  command: string,
  args: readonly string[],
  options: { input?: string; timeoutMs?: number; env?: Record<string, string> } = {},
): Ran {
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    timeout: options.timeoutMs ?? 60_000,
    env: { ...process.env, PATH, ...options.env },
    ...(options.input === undefined ? {} : { input: options.input }),
  });
  if (result.error !== undefined && result.status === null && result.signal === null) throw result.error;
  return { status: result.status ?? 1, stdout: result.stdout, stderr: result.stderr };
}

/** Like `run`, but anything except success is an error that shows what was printed. */
export function must(
  command: string,
  args: readonly string[],
  options: { input?: string; timeoutMs?: number } = {},
): string {
  const r = run(command, args, options);
  if (r.status !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${r.status}\n${r.stdout}\n${r.stderr}`);
  return r.stdout;
}

let counter = 0;

export interface Cluster {
  name: string;
  stateDir: string;
  kubeconfig: string;
  flags: readonly string[];
  /** Standard output of kubectl; throws when it fails. */
  kubectl(...args: string[]): string;
  tryKubectl(...args: string[]): Ran;
  apply(manifest: string): void;
  /** Runs a shell script in a pod. */
  exec(pod: string, script: string): string;
  tryExec(pod: string, script: string): Ran;
  /** What a line of shell prints for one who has $KUBECONFIG set to this cluster, in the project's folder. */
  shell(line: string): string;
  /** Starts kubectl in the background; ended by `down` at the latest. */
  spawnKubectl(...args: string[]): ChildProcess;
  netns(where: string): string;
  /** Runs a command inside the network namespace of a node, the control plane or the fabric. */
  inNode(node: string, ...command: string[]): string;
  natRules(node: string): string[];
  /** The network namespace of a pod, found by its address. */
  podNetns(pod: string): string;
  pid(component: string): number;
  up(): Ran;
  down(): Ran;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Brings a cluster up. `flags` are those of `portico up`. @throws when it does not come up */
export function startCluster(...upFlags: string[]): Cluster {
  counter += 1;
  const name = `test-${process.pid}-${counter}`;
  const stateDir = mkdtempSync(path.join(tmpdir(), `${name}-`));
  rmSync(stateDir, { recursive: true });
  const kubeconfig = path.join(stateDir, 'admin.kubeconfig');
  const flags = ['--name', name, '--state-dir', stateDir];
  const children = new Set<ChildProcess>();
  const netns = (where: string) => `${name}-${where}`;
  const tryKubectl = (...args: string[]) => run('kubectl', ['--kubeconfig', kubeconfig, ...args]);
  const kubectl = (...args: string[]) => must('kubectl', ['--kubeconfig', kubeconfig, ...args]);
  const inNode = (node: string, ...command: string[]) => must('ip', ['netns', 'exec', netns(node), ...command]);
  const up = () => run(portico, ['up', ...flags, ...upFlags], { timeoutMs: 120_000 });
  const down = () => {
    for (const child of children) child.kill('SIGKILL');
    const refusals = refusalsOfParts(path.join(stateDir, 'logs', 'server.log'));
    const ended = run(portico, ['down', ...flags]);
    assert.deepEqual(refusals, [], "a part of the cluster may not do what its work needs: see the server's roles");
    return ended;
  };
  const cluster: Cluster = {
    name,
    stateDir,
    kubeconfig,
    flags,
    kubectl,
    tryKubectl,
    apply: (manifest) => void must('kubectl', ['--kubeconfig', kubeconfig, 'apply', '-f', '-'], { input: manifest }),
    exec: (pod, script) => kubectl('exec', pod, '--', 'sh', '-c', script),
    tryExec: (pod, script) => tryKubectl('exec', pod, '--', 'sh', '-c', script),
    shell(line) {
      const { stdout, stderr } = run('bash', ['-c', line], { env: { KUBECONFIG: kubeconfig } });
      return stdout + stderr;
    },
    spawnKubectl(...args) {
      const child = spawn('kubectl', ['--kubeconfig', kubeconfig, ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, PATH },
      });
      children.add(child);
      child.once('exit', () => children.delete(child));
      return child;
    },
    netns,
    inNode,
    natRules: (node) => inNode(node, 'iptables-save', '-t', 'nat').split('\n'),
    podNetns(pod) {
      const ip = kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.podIP}');
      const all = must('ip', ['netns', 'list'])
        .split('\n')
        .map((l) => l.split(' ')[0] ?? '');
      const found = all
        .filter((n) => n.startsWith(`${name}-pod-`))
        .find((n) => must('ip', ['-n', n, '-o', '-4', 'addr', 'show', 'eth0']).includes(` ${ip}/`));
      if (found === undefined) throw new Error(`no namespace holds the address ${ip} of pod ${pod}`);
      return found;
    },
    pid: (component) => {
      const line = must(portico, ['status', ...flags]).match(new RegExp(`^process +${component} +pid (\\d+)$`, 'm'));
      if (line?.[1] === undefined) throw new Error(`${component} is not running`);
      return Number(line[1]);
    },
    up,
    down,
    [Symbol.asyncDispose]: async () => {
      const r = down();
      if (r.status !== 0) throw new Error(`down failed: ${r.stdout}${r.stderr}`);
      await Promise.resolve();
    },
  };
  const r = up();
  if (r.status !== 0) {
    down();
    throw new Error(`portico up failed:\n${r.stdout}\n${r.stderr}`);
  }
  return cluster;
}

/** Lines of the server's log in which a controller, or the scheduler, was not allowed something. */
function refusalsOfParts(logFile: string): string[] {
  if (!existsSync(logFile)) return [];
  return readFileSync(logFile, 'utf8')
    .split('\n')
    .filter((line) => line.includes('is forbidden: User'));
}

/** Polls until `check` returns something, and returns it. The last error is the reason when it never does. */
export async function eventually<T>(
  what: string,
  check: () => T | undefined | Promise<T | undefined>,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  do {
    try {
      const value = await check();
      if (value !== undefined) return value;
      last = undefined;
    } catch (e) {
      last = e;
    }
    await sleep(50);
  } while (performance.now() < deadline);
  throw new Error(`${what}: not within ${timeoutMs / 1000} s`, { cause: last });
}

/** A Deployment of `portico/web` with a readiness probe, and the Service of the same name in front of it. */
export function webManifest(o: {
  name: string;
  replicas: number;
  nodes?: readonly string[];
  args?: readonly string[];
}): string {
  const affinity =
    o.nodes === undefined
      ? ''
      : `
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms:
              - matchExpressions:
                  - {key: kubernetes.io/hostname, operator: In, values: [${o.nodes.join(', ')}]}`;
  return `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${o.name}}
spec:
  replicas: ${o.replicas}
  selector: {matchLabels: {app: ${o.name}}}
  template:
    metadata: {labels: {app: ${o.name}}}
    spec:${affinity}
      terminationGracePeriodSeconds: 5
      containers:
        - name: web
          image: portico/web
${o.args === undefined ? '' : `          args: ${JSON.stringify(o.args)}\n`}          readinessProbe: {httpGet: {path: /readyz, port: 80}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: ${o.name}}
spec:
  selector: {app: ${o.name}}
  ports: [{port: 80}]
`;
}

/** A pod that sleeps, for exec; on a node of choice. */
export function shellManifest(name: string, node?: string): string {
  return `apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
spec:
  ${node === undefined ? '' : `nodeSelector: {kubernetes.io/hostname: ${node}}`}
  terminationGracePeriodSeconds: 1
  containers: [{name: shell, image: portico/shell}]
`;
}
