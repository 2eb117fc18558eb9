// iptables-legacy keeps its rules where nft and its tracing do not look.
import { readFileSync } from 'node:fs';
import { inNetns, runCommand } from '../linux/index.ts';
import { parseSave } from './rule-texts.ts';

/** Tables that iptables-legacy has made in a namespace; undefined is the host's. They may be empty. */
export function legacyTables(netns: string | undefined): string[] {
  const read = (file: string) => {
    try {
      return inNetns(netns, () => readFileSync(file, 'utf8'))
        .split('\n')
        .filter(Boolean);
    } catch {
      // Without the legacy module there is no such file, and no such table.
      return [];
    }
  };
  return [
    ...new Set([...read('/proc/thread-self/net/ip_tables_names'), ...read('/proc/thread-self/net/ip6_tables_names')]),
  ];
}

/** The rules of iptables-legacy in a namespace, by `table chain`; undefined when it holds none. */
export async function legacyChains(netns: string, family: 4 | 6): Promise<Map<string, string[]> | undefined> {
  const save = await legacySave(netns, family);
  return /^-A /m.test(save) ? parseSave(save) : undefined;
}

/** What `iptables-legacy-save` prints; '' where it was never used. */
export async function legacySave(netns: string | undefined, family: 4 | 6): Promise<string> {
  if (legacyTables(netns).length === 0) return '';
  return (await runCommand(family === 4 ? 'iptables-legacy-save' : 'ip6tables-legacy-save', [], { netns })).stdout;
}
