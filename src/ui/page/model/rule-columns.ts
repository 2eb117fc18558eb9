// The rules of several nodes side by side: which lines all of them hold and which only some. Pure.
import type { NodeRules } from '../../contract.ts';

export interface RuleLine {
  readonly text: string;
  /** Nodes that do not hold this line. */
  readonly missingOn: readonly string[];
}

export interface RuleColumn {
  readonly node: string;
  readonly mode: NodeRules['mode'];
  readonly lines: readonly RuleLine[];
}

/** What differs between nodes by its nature: each node's own pod range. */
const comparable = (line: string) => line.replace(/! -s \S+/, '! -s NODE');

export function ruleColumns(held: readonly NodeRules[]): RuleColumn[] {
  const sets = held.map((rules) => ({ node: rules.node, lines: new Set(rules.lines.map(comparable)) }));
  return held.map((rules) => ({
    node: rules.node,
    mode: rules.mode,
    lines: rules.lines.map((text) => ({
      text,
      missingOn: sets.filter((other) => !other.lines.has(comparable(text))).map((other) => other.node),
    })),
  }));
}
