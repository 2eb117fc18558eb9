// The main job, shown: a cluster, a Deployment behind a Service, a client on a node without any of its pods, thirty
// requests by name, and what the kernel of that node holds. Leaves the cluster up. Running it again is fine.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';

const root = path.join(import.meta.dirname, '..');
const portico = path.join(root, 'bin', 'portico');
const name = process.env['PORTICO_NAME'] ?? 'portico';
const stateDir = process.env['PORTICO_STATE_DIR'] ?? `/var/lib/portico/${name}`;
const clusterFlags = ['--name', name, '--state-dir', stateDir];
/** For the commands that are shown: nothing for the cluster that they mean by themselves. */
const named =
  process.env['PORTICO_NAME'] === undefined && process.env['PORTICO_STATE_DIR'] === undefined
    ? ''
    : ` ${clusterFlags.join(' ')}`;
const REQUESTS = 30;
const SERVICE = 'nginx.default.svc.cluster.local';
const started = performance.now();

function stop(message: string): never {
  process.stderr.write(`quickstart: ${message}\n`);
  process.exit(1);
}

/** Runs a command, gives its output; anything but success ends the quickstart with that command's own words. */
function run(command: string, ...args: string[]): string {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (result.error !== undefined) stop(`${command}: ${result.error.message}`);
  if (result.status !== 0) stop(`${command} ${args.join(' ')}:\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

const kubectl = (...args: string[]) => run(portico, 'kubectl', ...clusterFlags, ...args);

/** One line a step, with the time it took. */
function step<T>(what: string, work: () => T): T {
  const begun = performance.now();
  const result = work();
  const seconds = ((performance.now() - begun) / 1000).toFixed(2);
  process.stdout.write(`[${seconds.padStart(6)} s] ${what}\n`);
  return result;
}

function show(title: string, lines: readonly string[]): void {
  process.stdout.write(`\n${title}\n${lines.map((l) => `    ${l}\n`).join('')}`);
}

const nonEmpty = (text: string) => text.split('\n').filter((l) => l.trim() !== '');

if (process.getuid?.() !== 0) stop('root is needed to make network namespaces: run it with sudo');

step('cluster of three nodes is up', () => run(portico, 'up', ...clusterFlags, '--quiet'));
step('examples/nginx.yaml and examples/tmp-shell.yaml applied', () =>
  kubectl(
    'apply',
    '-f',
    path.join(root, 'examples', 'nginx.yaml'),
    '-f',
    path.join(root, 'examples', 'tmp-shell.yaml'),
  ),
);
step('three nginx pods are Ready', () => kubectl('rollout', 'status', 'deployment/nginx', '--timeout=60s'));
step('tmp-shell is Ready on node-3', () => kubectl('wait', '--for=condition=Ready', 'pod/tmp-shell', '--timeout=60s'));

const vip = kubectl('get', 'service', 'nginx', '-o', 'jsonpath={.spec.clusterIP}');
const inShell = (script: string) => kubectl('exec', 'tmp-shell', '--', 'sh', '-c', script);
const question = step(`tmp-shell asks DNS for ${SERVICE}`, () =>
  nonEmpty(
    inShell(`dig +noall +answer +comments ${SERVICE} | grep -E 'status|\\sIN\\s'; grep -v '^#' /etc/resolv.conf`),
  ),
);
const replies = step(`tmp-shell fetches http://${SERVICE}/ ${REQUESTS} times`, () =>
  nonEmpty(inShell(`for i in $(seq ${REQUESTS}); do curl -sS --max-time 5 'http://${SERVICE}/hostname'; echo; done`)),
);
const share = new Map<string, number>();
for (const pod of replies) share.set(pod, (share.get(pod) ?? 0) + 1);

// Read back from the kernel of node-3, which runs none of the nginx pods.
const node3 = `${name}-node-3`;
const nat = nonEmpty(run('ip', 'netns', 'exec', node3, 'iptables-save', '-t', 'nat'));
const service = nat.filter((l) => l.startsWith('-A') && /"?default\/nginx[" ]/.test(l));
const conntrack = nonEmpty(run('ip', 'netns', 'exec', node3, 'conntrack', '-L', '-p', 'tcp', '--orig-dst', vip));

show(`DNS answer (Service nginx has the virtual address ${vip})`, question);
show(
  `Replies by pod, ${replies.length} in all`,
  [...share]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([pod, count]) => `${pod.padEnd(32)} ${String(count).padStart(3)}  ${'#'.repeat(count)}`),
);
show('The pods', nonEmpty(kubectl('get', 'pods', '-o', 'wide')));
show('nat rules of node-3 for this Service', service);
show(
  'One conntrack entry of node-3: the first tuple is what the client sent, the second what answers',
  conntrack.slice(-1),
);
show('What to try next', [
  `export KUBECONFIG=${stateDir}/admin.kubeconfig`,
  'kubectl get pods,services,endpointslices -o wide',
  'kubectl scale deployment nginx --replicas=8',
  'kubectl exec -it tmp-shell -- sh',
  `ip netns exec ${node3} iptables-save -t nat`,
  `./bin/portico status${named}`,
  `./bin/portico down${named}          # removes everything`,
]);
process.stdout.write(`\nDone in ${((performance.now() - started) / 1000).toFixed(1)} s. The cluster is up.\n`);
if (replies.length !== REQUESTS) stop(`${replies.length} of ${REQUESTS} requests were answered`);
