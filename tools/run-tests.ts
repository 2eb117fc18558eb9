// The test command: static checks, unit tests in one process, kernel tests a process a file, whole-cluster scenarios
// and the page in a browser, one after the other. Ends with a plain line `N passed, N failed`.
// Usage: node tools/run-tests.ts [check] [unit] [kernel] [api] [scenario] [browser]   (default: all)
import { spawn } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

import { sweepLeftovers } from './sweep-leftovers.ts';

const root = path.join(import.meta.dirname, '..');
const bin = path.join(root, 'node_modules', '.bin');
const node = process.execPath;

interface Outcome {
  passed: number;
  failed: number;
}

interface Captured {
  code: number;
  output: string;
}

/** Runs a command to its end, with its output captured and a limit on its time. */
function capture(command: string, args: readonly string[], limitMs: number): Promise<Captured> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}`, FORCE_COLOR: '0', REQUIRE_KERNEL: '1' },
    });
    let output = '';
    const limit = setTimeout(() => {
      output += `\nstopped after ${limitMs / 1000} s\n`;
      child.kill('SIGKILL');
    }, limitMs);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    }
    child.on('error', (e) => (output += `${e.message}\n`));
    child.on('close', (code) => {
      clearTimeout(limit);
      resolve({ code: code ?? 1, output });
    });
  });
}

const CHECKS: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['format', path.join(bin, 'oxfmt'), '--check', 'src', 'tools', 'test', 'bench'],
  ['lint', path.join(bin, 'oxlint'), '--type-aware', '--deny-warnings', 'src', 'tools', 'test', 'bench'],
  ['types', path.join(bin, 'tsc'), '--noEmit'],
  ['types of the page', path.join(bin, 'tsc'), '--noEmit', '--project', 'src/ui/page'],
  ['floors', node, 'tools/floors.ts'],
  ['dead code', path.join(bin, 'knip')],
];

async function runChecks(): Promise<Outcome> {
  let failed = 0;
  for (const [name, command, ...args] of CHECKS) {
    const started = performance.now();
    const { code, output } = await capture(command, args, 300_000);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
    if (code !== 0) {
      failed += 1;
      console.log(output);
    }
  }
  return { passed: CHECKS.length - failed, failed };
}

/**
 * Counts from the closing lines of node:test's spec reporter, the last ones: a test may print those of a runner of its
 * own. A skipped test counts as failed (REQUIRE_KERNEL).
 */
function readCounts({ code, output }: Captured): Outcome {
  const count = (word: string) => Number([...output.matchAll(new RegExp(`^ℹ ${word} (\\d+)$`, 'gm'))].at(-1)?.[1] ?? 0);
  const passed = count('pass');
  const failed = count('fail') + count('cancelled') + count('skipped') + count('todo');
  // A runner that died without closing lines, or ran nothing, has failed.
  return failed === 0 && (code !== 0 || passed === 0) ? { passed, failed: 1 } : { passed, failed };
}

/** Files with a failed test, from the spec reporter's list at the end. */
function failedFiles(output: string): string[] {
  return [...new Set([...output.matchAll(/^test at (\S+?):\d+:\d+$/gm)].map((m) => m[1] ?? ''))];
}

/** A shared suite runs nothing by itself: in its place the files that use it. */
function runnable(failed: readonly string[], files: readonly string[]): string[] {
  const importsOf = (file: string) =>
    [...readFileSync(path.join(root, file), 'utf8').matchAll(/ from '(\.[^']+)';/g)].map(([, where]) =>
      path.join(path.dirname(file), where ?? ''),
    );
  const usersOf = (suite: string) => files.filter((file) => importsOf(file).includes(suite));
  return [...new Set(failed.flatMap((file) => (file.endsWith('.suite.ts') ? usersOf(file) : file)))];
}

/** A whole stage going wrong is no accident of timing. */
const MOST_SECOND_TRIES = 3;

/**
 * Runs test files. Real kernels, clusters and browsers share a small machine with each other, so a file that failed is
 * run once more by itself; that it needed this is printed, with what went wrong the first time.
 */
async function runFiles(
  name: string,
  files: readonly string[],
  args: readonly string[],
  limitMs: number,
): Promise<Outcome> {
  const run = async (what: string, which: readonly string[], more: readonly string[]) => {
    const started = performance.now();
    const result = await capture(node, ['--test', '--test-reporter=spec', ...more, ...which], limitMs);
    const { passed, failed } = readCounts(result);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${failed === 0 ? 'ok    ' : 'FAILED'} ${what}: ${passed} passed, ${failed} failed (${seconds} s)`);
    if (failed > 0) console.log(result.output);
    return { passed, failed, again: runnable(failedFiles(result.output), files) };
  };
  const first = await run(name, files, args);
  if (first.failed === 0 || first.again.length === 0 || first.again.length > MOST_SECOND_TRIES) return first;
  const second = await run(`${name}, second try of ${first.again.join(', ')}`, first.again, [
    ...args.filter((a) => !a.startsWith('--test-concurrency')),
    '--test-concurrency=1',
  ]);
  return { passed: first.passed + Math.max(0, first.failed - second.failed), failed: second.failed };
}

/** Scenarios that mostly wait, and put no load on what they look at: they share the machine's two cores. */
const PATIENT = new Set([
  'captures',
  'cri-node',
  'dual-stack',
  'etcd-members',
  'hosts',
  'scheduling',
  'seed-listing',
  'trace-clean',
]);

const find = (...patterns: string[]) => globSync(patterns, { cwd: root }).toSorted();
const isPlain = (f: string) => !/\.(kernel|scenario)\.test\.ts$/.test(f);

const STAGES: Readonly<Record<string, () => Promise<Outcome>>> = {
  check: runChecks,
  unit: () =>
    runFiles(
      'unit tests',
      find('src/**/*.test.ts', 'tools/**/*.test.ts', 'bench/**/*.test.ts').filter(isPlain),
      ['--test-concurrency=2', '--test-timeout=120000'],
      600_000,
    ),
  kernel: () =>
    runFiles(
      'kernel tests',
      find('src/**/*.kernel.test.ts', 'tools/**/*.kernel.test.ts', 'bench/**/*.kernel.test.ts'),
      ['--test-concurrency=2', '--test-timeout=180000'],
      900_000,
    ),
  // The API as kubectl and other people's clients meet it: servers in processes of their own, real kubectl.
  api: () => runFiles('API', find('test/api/**/*.test.ts'), ['--test-concurrency=2', '--test-timeout=300000'], 600_000),
  scenario: async () => {
    const files = find('test/**/*.scenario.test.ts');
    const nameOf = (file: string) => path.basename(file, '.scenario.test.ts');
    const limits = ['--test-timeout=300000'];
    const patient = files.filter((file) => PATIENT.has(nameOf(file)));
    let total = await runFiles(
      `scenarios two at a time (${patient.map(nameOf).join(', ')})`,
      patient,
      [...limits, '--test-concurrency=2'],
      600_000,
    );
    for (const file of files.filter((f) => !PATIENT.has(nameOf(f)))) {
      const one = await runFiles(nameOf(file), [file], limits, 600_000);
      total = { passed: total.passed + one.passed, failed: total.failed + one.failed };
    }
    return total;
  },
  browser: async () => {
    let total: Outcome = { passed: 0, failed: 0 };
    for (const file of find('test/browser/**/*.browser.test.ts')) {
      const one = await runFiles(path.basename(file, '.test.ts'), [file], ['--test-timeout=300000'], 600_000);
      total = { passed: total.passed + one.passed, failed: total.failed + one.failed };
    }
    return total;
  },
};

if (process.getuid?.() !== 0) {
  console.error('npm test needs root: the kernel tests make network namespaces. Run it as root (sudo npm test).');
  process.exit(1);
}
const wanted = process.argv.slice(2);
const total: Outcome = { passed: 0, failed: 0 };
sweepLeftovers();
for (const [name, run] of Object.entries(STAGES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const one = await run();
  total.passed += one.passed;
  total.failed += one.failed;
}
sweepLeftovers();
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 ? 0 : 1);
