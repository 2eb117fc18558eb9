// Puts the pod network's own nft tables into the kernel, one change after the other, and only when something changed or
// somebody removed them.
import { openNft, runCommand } from '../linux/index.ts';
import { nodeRulesInput, RULES_TABLE } from './node-rules.ts';
import type { FamilyRules } from './node-rules.ts';

export class NodeRules {
  readonly #netns: string | undefined;
  readonly #applied = new Map<string, string | undefined>();
  #last: Promise<void> = Promise.resolve();

  constructor(netns: string | undefined) {
    this.#netns = netns;
  }

  /** Resolves when the kernel holds these rules; rejects with nft's own words. */
  apply(rules: readonly FamilyRules[]): Promise<void> {
    const next = this.#last.then(() => this.#apply(rules));
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #apply(rules: readonly FamilyRules[]): Promise<void> {
    const there = await this.#families();
    const changed = rules.filter(({ family, text }) => {
      return there.has(family) !== (text !== undefined) || (text !== undefined && this.#applied.get(family) !== text);
    });
    if (changed.length === 0) return;
    const input = changed.map(nodeRulesInput).join('');
    const result = await runCommand('nft', ['-f', '-'], { netns: this.#netns, input });
    if (result.status !== 0) throw new Error(`nft refused the rules of the pod network: ${result.stderr.trim()}`);
    for (const { family, text } of changed) this.#applied.set(family, text);
  }

  /** Families whose table stands. */
  async #families(): Promise<Set<string>> {
    const nft = openNft({ netns: this.#netns });
    try {
      return new Set((await nft.tables()).flatMap(({ name, family }) => (name === RULES_TABLE ? [family] : [])));
    } finally {
      nft.close();
    }
  }
}
