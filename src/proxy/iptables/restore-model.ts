// The kernel as `iptables-restore --noflush` and `iptables-save` see it, as a value for tests: it takes one table after
// the other, each whole or not at all, and refuses what the kernel refuses.
import assert from 'node:assert/strict';
import { JUMPS, KUBELET_JUMPS } from './fixed-chains.ts';

/** `table chain` → its rules. */
export type ModelChains = Map<string, string[]>;

const BUILT_IN = new Set([...JUMPS, ...KUBELET_JUMPS].map((j) => `${j.table} ${j.from}`));

function takeTable(chains: ModelChains, table: string, lines: readonly string[]): ModelChains {
  const out: ModelChains = new Map([...chains].map(([id, rules]) => [id, [...rules]]));
  const removed: string[] = [];
  for (const line of lines) {
    const name = line.split(' ')[line.startsWith(':') ? 0 : 1] ?? '';
    const id = `${table} ${line.startsWith(':') ? name.slice(1) : name}`;
    if (line.startsWith(':')) out.set(id, []);
    else if (line.startsWith('-X ')) removed.push(id);
    else {
      if (BUILT_IN.has(id) && !out.has(id)) out.set(id, []);
      const rules = out.get(id);
      assert.ok(rules, `a rule for a chain that does not exist: ${line}`);
      if (line.startsWith('-I ')) rules.unshift(`-A ${line.slice(3)}`);
      else rules.push(line);
    }
  }
  for (const id of removed) {
    assert.deepEqual(out.get(id), [], `${id} is removed though it has rules`);
    out.delete(id);
  }
  for (const [id, rules] of out) {
    for (const rule of rules) {
      const target = / -j (KUBE-\S+)/.exec(rule)?.[1];
      if (target === undefined) continue;
      assert.ok(out.has(`${id.split(' ')[0] ?? ''} ${target}`), `jump to a chain that is gone: ${rule}`);
    }
  }
  return out;
}

/** `mostTables`: the program is killed after that many. @returns how many tables the input has */
export function restoreInto(chains: ModelChains, input: string, mostTables = Infinity): number {
  const parts = [...input.matchAll(/\*(\S+)\n([^]*?)\nCOMMIT\n/g)];
  for (const [, table = '', text = ''] of parts.slice(0, mostTables)) {
    const next = takeTable(chains, table, text.split('\n'));
    chains.clear();
    for (const [id, rules] of next) chains.set(id, rules);
  }
  return parts.length;
}

export function saveOf(chains: ModelChains): string {
  const tables = new Set([...chains.keys()].map((id) => id.split(' ')[0] ?? ''));
  return [...tables]
    .flatMap((table) => {
      const own = [...chains].filter(([id]) => id.startsWith(`${table} `));
      const names = own.map(([id]) => `:${id.slice(table.length + 1)} - [0:0]`);
      return [`*${table}`, ...names, ...own.flatMap(([, rules]) => rules), 'COMMIT', ''];
    })
    .join('\n');
}
