// Puts the plugin where container runtimes look for it, and takes it away again.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { UserError } from '../errors/index.ts';
import { clientScript, MARK } from './client-script.ts';
import { SUPPORTED_VERSIONS } from './request.ts';

const PLUGIN = 'portico';
/** Runtimes run it for every container, and some hosts have it not. */
const LOOPBACK = 'loopback';

export interface CniPlaces {
  readonly binDir: string;
  readonly confDir: string;
}

export interface InstallOptions extends CniPlaces {
  /** Where the agent of this node listens. */
  readonly socket: string;
  /** Name of the network, and of the file it is described in. */
  readonly network: string;
}

/** Runtimes take the first file of the folder, by name. */
const confFile = (network: string) => `10-${network}.conflist`;

/** The network as runtimes read it. Older ones know `cniVersion` only, newer ones choose from `cniVersions`. */
export function conflist(network: string): string {
  const content = {
    cniVersion: '1.0.0',
    cniVersions: SUPPORTED_VERSIONS,
    name: network,
    plugins: [{ type: PLUGIN, capabilities: { portMappings: true } }],
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** Written beside and renamed: a runtime never reads half a file. */
function place(file: string, content: string, mode: number): void {
  const next = path.join(path.dirname(file), `.${path.basename(file)}.new`);
  writeFileSync(next, content, { mode });
  renameSync(next, file);
}

function isOurs(file: string): boolean {
  try {
    return readFileSync(file, 'utf8').includes(MARK);
  } catch {
    return false;
  }
}

/** Returns the files that were written. Again: replaces them. @throws UserError */
export function installCni(o: InstallOptions): string[] {
  if (!/^[a-zA-Z0-9][\w.-]*$/.test(o.network)) {
    throw new UserError(
      `--network-name ${o.network}: use letters, digits, _ . and -, beginning with a letter or digit`,
    );
  }
  const plugin = path.join(o.binDir, PLUGIN);
  const loopback = path.join(o.binDir, LOOPBACK);
  if (existsSync(plugin) && !isOurs(plugin)) {
    throw new UserError(`${plugin} is there and not ours; remove it or choose another folder with --cni-bin-dir`);
  }
  for (const dir of [o.binDir, o.confDir]) mkdirSync(dir, { recursive: true, mode: 0o755 });
  const script = clientScript(o.socket);
  const binaries = existsSync(loopback) && !isOurs(loopback) ? [plugin] : [plugin, loopback];
  for (const file of binaries) place(file, script, 0o755);
  // Last: from now on runtimes call the plugin.
  const conf = path.join(o.confDir, confFile(o.network));
  place(conf, conflist(o.network), 0o644);
  return [...binaries, conf];
}

/** Returns the files that were removed; files of others stay. */
export function uninstallCni(o: CniPlaces): string[] {
  const configs = existsSync(o.confDir) ? readdirSync(o.confDir) : [];
  const ours = [
    ...configs
      .map((name) => path.join(o.confDir, name))
      .filter((file) => file.endsWith('.conflist') && describesOurPlugin(file)),
    ...[PLUGIN, LOOPBACK].map((name) => path.join(o.binDir, name)).filter(isOurs),
  ];
  for (const file of ours) rmSync(file, { force: true });
  return ours;
}

function describesOurPlugin(file: string): boolean {
  try {
    const { plugins } = JSON.parse(readFileSync(file, 'utf8')) as { plugins?: { type?: string }[] };
    return plugins?.length === 1 && plugins[0]?.type === PLUGIN;
  } catch {
    return false;
  }
}
