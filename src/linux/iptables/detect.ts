// Which of the two iptables of a machine is in use. Rules written through the wrong one are silently ineffective or
// fight with the others, so the question is asked once, before anything is written.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runCommand } from '../netns/run-command.ts';

export type IptablesVariant = 'nft' | 'legacy';

// A service's PATH often lacks the administrators' directories.
const EXTRA_PATH = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin'];

/** Full path of a program, or undefined. */
export function findProgram(name: string): string | undefined {
  for (const directory of new Set([...(process.env['PATH'] ?? '').split(delimiter), ...EXTRA_PATH])) {
    if (directory === '') continue;
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  return undefined;
}

async function save(program: string, netns: string | undefined): Promise<string> {
  const path = findProgram(program);
  if (path === undefined) return '';
  const { status, stdout } = await runCommand(path, [], { netns });
  return status === 0 ? stdout : '';
}

const KUBE_HINTS = /^:KUBE-(IPTABLES-HINT|KUBELET-CANARY) /m;

function countRules(saved: string): number {
  return saved.split('\n').filter((line) => line.startsWith('-')).length;
}

/**
 * The variant other programs of the machine (or namespace) use, by the rule upstream's images follow: the one that holds
 * the kubelet's hint chains; else the one with more rules; else nft when there is one. Undefined: iptables is not
 * installed.
 */
export async function detectIptables(options: { readonly netns?: string } = {}): Promise<IptablesVariant | undefined> {
  const hasNft = findProgram('iptables-nft') !== undefined;
  const hasLegacy = findProgram('iptables-legacy') !== undefined;
  if (!hasNft && !hasLegacy) return detectUnnamed();
  if (!hasNft || !hasLegacy) return hasNft ? 'nft' : 'legacy';
  const { netns } = options;
  const [nft4, nft6] = await Promise.all([save('iptables-nft-save', netns), save('ip6tables-nft-save', netns)]);
  if (KUBE_HINTS.test(nft4) || KUBE_HINTS.test(nft6)) return 'nft';
  const [legacy4, legacy6] = await Promise.all([
    save('iptables-legacy-save', netns),
    save('ip6tables-legacy-save', netns),
  ]);
  if (KUBE_HINTS.test(legacy4) || KUBE_HINTS.test(legacy6)) return 'legacy';
  return countRules(legacy4) + countRules(legacy6) > countRules(nft4) + countRules(nft6) ? 'legacy' : 'nft';
}

/** A machine with only a plain `iptables`: its version line says what it is. */
async function detectUnnamed(): Promise<IptablesVariant | undefined> {
  const path = findProgram('iptables');
  if (path === undefined) return undefined;
  const { stdout } = await runCommand(path, ['--version']);
  return stdout.includes('nf_tables') ? 'nft' : 'legacy';
}
