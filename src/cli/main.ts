// The command `portico`: finds the command, parses its flags, runs it. Each command is loaded only when asked for, so
// that the long-running roles start quickly.
import process from 'node:process';

import { UserError } from '../errors/index.ts';
import { helpText, parseCommand, type Command } from './command.ts';
import { VERSION } from './version.ts';

interface Entry {
  summary: string;
  hidden?: boolean;
  load: () => Promise<{ command: Command }>;
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  up: { summary: 'Bring up a cluster on this machine.', load: () => import('./up.ts') },
  down: { summary: 'Remove a cluster and everything it made.', load: () => import('./down.ts') },
  status: { summary: 'Show the processes and nodes of a cluster.', load: () => import('./status.ts') },
  kubectl: { summary: 'Run kubectl against a cluster.', load: () => import('./kubectl.ts') },
  trace: { summary: 'Show the walk of a real connection, hop by hop.', load: () => import('./trace.ts') },
  inspect: { summary: 'Compare an object with what each kernel holds.', load: () => import('./inspect.ts') },
  ui: { summary: 'Serve a page that shows the cluster and lets packets walk.', load: () => import('./ui.ts') },
  doctor: { summary: 'Check this machine and its clusters for known traps.', load: () => import('./doctor.ts') },
  server: { summary: 'Run the API server, controllers and scheduler.', load: () => import('./server.ts') },
  agent: { summary: 'Run the agent of one node: pods, pod network, proxy.', load: () => import('./agent.ts') },
  store: { summary: 'Save, restore or move the state of a cluster.', load: () => import('./store.ts') },
  token: { summary: 'Make tokens by which hosts join, list and delete them.', load: () => import('./token.ts') },
  cni: {
    summary: 'Install the plugin by which container runtimes join the pod network.',
    load: () => import('./cni.ts'),
  },
  node: { summary: 'Cordon, uncordon, drain or remove a node.', load: () => import('./node.ts') },
  proxy: { summary: 'Run the service proxy alone, against any API server.', load: () => import('./proxy.ts') },
  dns: { summary: 'Run cluster DNS, or ask it (`dns query`).', load: () => import('./dns.ts') },
  supervise: {
    summary: 'Keep the processes of a local cluster running.',
    hidden: true,
    load: () => import('./supervise.ts'),
  },
};

function overview(): string {
  const shown = Object.entries(COMMANDS).filter(([, c]) => c.hidden !== true);
  const width = Math.max(...shown.map(([name]) => name.length)) + 2;
  return [
    'Portico: the Kubernetes Service system in one program.',
    '',
    'Usage: portico COMMAND [flags]',
    '',
    ...shown.map(([name, c]) => `  ${name.padEnd(width)}${c.summary}`),
    '',
    "Run 'portico COMMAND --help' for a command's flags.",
    '',
  ].join('\n');
}

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(overview());
    return 0;
  }
  if (name === 'version' || name === '--version') {
    process.stdout.write(`portico ${VERSION}\n`);
    return 0;
  }
  const entry = COMMANDS[name];
  if (entry === undefined) throw new UserError(`'${name}' is not a command; see 'portico --help'`);
  const { command } = await entry.load();
  const parsed = parseCommand(name, command, rest);
  if (parsed.flags['help'] === true) {
    process.stdout.write(helpText(name, command));
    return 0;
  }
  return command.run(parsed);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (e) {
  if (e instanceof UserError) process.stderr.write(`portico: ${e.message}\n`);
  else process.stderr.write(`portico: ${e instanceof Error ? (e.stack ?? e.message) : String(e)}\n`);
  // Sockets of a role that could not start must not keep it half alive.
  process.exit(1);
}
