// Runs real kubectl binaries, where the machine has them.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import process from 'node:process';

/** Version → path, e.g. '1.32' → '/opt/…/kubectl.1.32'; a plain kubectl is 'any', the one that set-up fetches 'newest'. */
export function findKubectls(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const onPath = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((d) => join(d, 'kubectl'))
    .find((p) => existsSync(p));
  // What tools/setup.sh fetches.
  const fetched = join(import.meta.dirname, '..', '..', '..', '.cache', 'bin', 'kubectl');
  if (existsSync(fetched)) found.set('newest', fetched);
  if (onPath === undefined) return found;
  const folder = dirname(realpathSync(onPath));
  for (const file of readdirSync(folder)) {
    const version = /^kubectl\.(\d+\.\d+)$/.exec(file)?.[1];
    if (version !== undefined) found.set(version, join(folder, file));
  }
  if (![...found.values()].some((file) => dirname(file) === folder)) found.set('any', onPath);
  return found;
}

export interface KubectlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Kubectl extends Disposable {
  /** Never rejects. `input` goes to standard input. */
  run(args: readonly string[], input?: string): Promise<KubectlResult>;
  /** As `run`, for commands that must succeed; returns what they print. */
  ok(args: readonly string[], input?: string): Promise<string>;
}

export function kubectl(binary: string, kubeconfig: string, namespace: string): Kubectl {
  const home = mkdtempSync(join(tmpdir(), `test-${process.pid}-kubectl-`));
  const config = join(home, 'config');
  writeFileSync(config, kubeconfig, { mode: 0o600 });
  // Short-lived: collecting its garbage only costs time.
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, KUBECONFIG: config, EDITOR: 'true', GOGC: 'off' };
  const run: Kubectl['run'] = (args, input) =>
    new Promise((resolve) => {
      const child = execFile(binary, ['-n', namespace, ...args], { env, timeout: 30_000 }, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ code, stdout, stderr });
      });
      child.stdin?.end(input);
    });
  return {
    run,
    async ok(args, input) {
      const { code, stdout, stderr } = await run(args, input);
      if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit ${code}\n${stderr}${stdout}`);
      return stdout;
    },
    [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }),
  };
}
