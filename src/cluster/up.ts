// `portico up`: checks, starts the supervisor, waits until every node is Ready and answers DNS through the cluster's
// own Service. Returns early, and says so, when the cluster is up already.
import { spawn } from 'node:child_process';
import { closeSync, globSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { nodes } from '../api/objects.ts';
import { createClient, loadKubeconfig } from '../client/index.ts';
import { errorText, UserError } from '../errors/index.ts';
import { asksDns } from './asks-dns.ts';
import { downCluster } from './down.ts';
import { statePaths, type StatePaths } from './paths.ts';
import { preflight } from './preflight.ts';
import { isAlive, readRecord } from './process-record.ts';
import { addressPlan, checkSpec, DEFAULT_SPEC, namespaceNames, nodeNames, type ClusterSpec } from './spec.ts';
import { refuseForeignState } from './state-dir.ts';
import { readSpec, type SupervisorMessage } from './supervisor.ts';

export interface UpOptions {
  name: string;
  /** What was asked for; the rest is what the cluster has already, or the defaults. */
  given: Partial<ClusterSpec>;
  stateDir: string;
  timeoutMs: number;
  /** A line of progress. */
  onStep: (text: string) => void;
}

export interface UpResult {
  alreadyUp: boolean;
  kubeconfig: string;
  spec: ClusterSpec;
}

/** Differences that a cluster cannot take on once it is made. */
function changedFlags(have: ClusterSpec, given: Partial<ClusterSpec>): string[] {
  const keys = Object.keys(given) as (keyof ClusterSpec)[];
  return keys.filter((k) => JSON.stringify(have[k]) !== JSON.stringify(given[k])).map(flagOf);
}

const flagOf = (key: string) => `--${key.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;

/** Starts the supervisor as a process of its own and waits for its word. */
async function startSupervisor(paths: StatePaths, onStep: (text: string) => void): Promise<void> {
  mkdirSync(paths.logs, { recursive: true, mode: 0o700 });
  const logFile = paths.log('supervisor');
  const logFd = openSync(logFile, 'a', 0o600);
  const main = process.argv[1] ?? '';
  const child = spawn(process.execPath, [...process.execArgv, main, 'supervise', '--state-dir', paths.dir], {
    stdio: ['ignore', logFd, logFd, 'ipc'],
    detached: true,
    cwd: '/',
  });
  closeSync(logFd);
  try {
    await new Promise<void>((resolve, reject) => {
      child.on('message', (m: SupervisorMessage) => {
        if (m.type === 'step') onStep(m.text);
        else if (m.type === 'started') resolve();
        else reject(m.user ? new UserError(m.text) : new Error(`the supervisor failed: ${m.text}; see ${logFile}`));
      });
      child.once('exit', () => reject(new Error(`the supervisor ended at once: see ${logFile}`)));
      child.once('error', reject);
    });
  } finally {
    if (child.connected) child.disconnect();
    child.unref();
  }
}

/** Waits until a condition holds; the last thing it said goes into the error. */
async function waitUntil(what: string, deadline: number, check: () => Promise<string | undefined>): Promise<void> {
  let reason: string | undefined = 'nothing was asked yet';
  while (performance.now() < deadline) {
    try {
      reason = await check();
    } catch (e) {
      reason = e instanceof Error ? e.message : String(e);
    }
    if (reason === undefined) return;
    await sleep(20);
  }
  throw new Error(`${what}: not within the time limit: ${reason}`);
}

async function waitForCluster(spec: ClusterSpec, options: UpOptions, paths: StatePaths): Promise<void> {
  const { onStep } = options;
  const deadline = performance.now() + options.timeoutMs;
  const client = createClient(loadKubeconfig(paths.kubeconfig));
  try {
    await waitUntil('the API server', deadline, async () => {
      await client.get('/readyz');
      return undefined;
    });
    onStep('API server ready');
    const wanted = nodeNames(spec);
    await waitUntil('the nodes', deadline, async () => {
      const { items } = await client.resource(nodes).list();
      const ready = new Set(
        items
          .filter((n) => n.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'))
          .map((n) => n.metadata.name),
      );
      const missing = wanted.filter((n) => !ready.has(n));
      return missing.length === 0 ? undefined : `${missing.join(', ')} not Ready`;
    });
    onStep(`${wanted.length} nodes Ready`);
    const names = namespaceNames(spec.name);
    const server = addressPlan(spec).clusterDns;
    // From every node: the rules are in where the answer comes back from the virtual address.
    await Promise.all(
      wanted.map((node) =>
        waitUntil(`cluster DNS at ${server} from ${node}`, deadline, async () =>
          (await asksDns(names.node(node), server, `kubernetes.default.svc.${spec.clusterDomain}`))
            ? undefined
            : 'no answer',
        ),
      ),
    );
    onStep(`DNS answers through ${server} on every node`);
  } finally {
    client.close();
  }
}

/**
 * Brings the cluster up, or mends one whose supervisor is gone.
 * A first start that fails leaves nothing behind; the logs' end is part of the error.
 */
export async function upCluster(options: UpOptions): Promise<UpResult> {
  const paths = statePaths(options.stateDir);
  refuseForeignState(paths, options.name, readSpec);
  const existing = readSpec(paths);
  const spec: ClusterSpec = { ...DEFAULT_SPEC, ...existing, ...options.given, name: options.name };
  checkSpec(spec);
  const supervisor = readRecord(paths.processRecord('supervisor'));
  if (existing !== undefined) {
    const changed = changedFlags(existing, options.given);
    if (changed.length > 0) {
      throw new UserError(
        `cluster ${existing.name} exists with other settings (${changed.join(', ')}): run 'portico down' first, or give it another --name`,
      );
    }
    if (supervisor !== undefined && isAlive(supervisor)) {
      await waitForCluster(spec, options, paths);
      return { alreadyUp: true, kubeconfig: paths.kubeconfig, spec };
    }
  }
  preflight(spec, existing === undefined);
  mkdirSync(paths.dir, { recursive: true, mode: 0o700 });
  writeFileSync(paths.spec, `${JSON.stringify(spec, null, 2)}\n`, { mode: 0o600 });
  try {
    await startSupervisor(paths, options.onStep);
    await waitForCluster(spec, options, paths);
  } catch (e) {
    if (existing !== undefined) throw e;
    const detail = e instanceof UserError ? e : new UserError(`${errorText(e)}\n${logTails(paths)}`, { cause: e });
    await downCluster(spec.name, options.stateDir);
    throw detail;
  }
  return { alreadyUp: false, kubeconfig: paths.kubeconfig, spec };
}

/** The last lines of each component's log, and of the cluster's own pods: a failed first start removes the files. */
function logTails(paths: StatePaths): string {
  return globSync(['logs/*.log', 'nodes/*/pods/logs/pods/kube-system_*/*/*.log'], { cwd: paths.dir })
    .map((f) => `--- ${f}\n${readFileSync(path.join(paths.dir, f), 'utf8').split('\n').slice(-8).join('\n')}`)
    .join('\n');
}
