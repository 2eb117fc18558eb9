// iptables-legacy keeps its rules where nft and its tracing do not look.
import { readFileSync } from 'node:fs';
import { inNetns, runCommand } from '../linux/index.ts';

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

/** Whether any of them holds a rule. */
export async function hasLegacyRules(netns: string): Promise<boolean> {
  if (legacyTables(netns).length === 0) return false;
  const saves = await Promise.all(
    ['iptables-legacy-save', 'ip6tables-legacy-save'].map((program) => runCommand(program, [], { netns })),
  );
  return saves.some(({ stdout }) => /^-A /m.test(stdout));
}
