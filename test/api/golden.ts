// Golden text of commands whose output may differ between versions of the same program: a transcript is compared with
// testdata/NAME.txt, in which each command stands once for each different output, with the versions that print it.
// UPDATE_GOLDEN=1 writes the file anew from all transcripts of the run.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

export interface Step {
  /** What was run, the key: unique in a transcript. */
  readonly command: string;
  readonly output: string;
}

interface Variant {
  readonly versions: readonly string[];
  readonly output: string;
}

const minorOf = (version: string) => Number(version.split('.')[1]);
const byMinor = (a: string, b: string) => minorOf(a) - minorOf(b);

function parse(text: string): Map<string, Variant[]> {
  const entries = new Map<string, Variant[]>();
  for (const block of text.split(/^(?=\$ )/m)) {
    if (!block.startsWith('$ ')) continue;
    const [command = '', ...variants] = block.split(/^(?=@ )/m);
    entries.set(
      command.slice(2).trimEnd(),
      variants.map((variant) => {
        const end = variant.indexOf('\n');
        return { versions: variant.slice(2, end).split(' '), output: variant.slice(end + 1).trimEnd() };
      }),
    );
  }
  return entries;
}

function render(transcripts: ReadonlyMap<string, readonly Step[]>): string {
  const entries = new Map<string, Map<string, string[]>>();
  for (const [version, steps] of transcripts) {
    for (const { command, output } of steps) {
      const outputs = entries.get(command) ?? new Map<string, string[]>();
      outputs.set(output.trimEnd(), [...(outputs.get(output.trimEnd()) ?? []), version]);
      entries.set(command, outputs);
    }
  }
  return [...entries]
    .map(
      ([command, outputs]) =>
        `$ ${command}\n${[...outputs].map(([output, versions]) => `@ ${versions.toSorted(byMinor).join(' ')}\n${output}\n`).join('')}`,
    )
    .join('\n');
}

export class Golden {
  readonly #file: string;
  readonly #expected: Map<string, Variant[]>;
  readonly #seen = new Map<string, readonly Step[]>();

  constructor(name: string) {
    this.#file = path.join(import.meta.dirname, 'testdata', `${name}.txt`);
    this.#expected = existsSync(this.#file) ? parse(readFileSync(this.#file, 'utf8')) : new Map();
  }

  /** A version that the file does not know is held to the nearest one that it does. */
  check(version: string, steps: readonly Step[]): void {
    this.#seen.set(version, steps);
    if (process.env['UPDATE_GOLDEN'] === '1') return;
    const known = [...this.#expected.values()].flatMap((variants) => variants.flatMap((v) => v.versions));
    const distance = (other: string) => Math.abs(minorOf(other) - minorOf(version));
    const [nearest = version] = [...new Set(known)].toSorted((a, b) => distance(a) - distance(b));
    const expected = [...this.#expected]
      .map(([command, variants]) => ({ command, output: variants.find((v) => v.versions.includes(nearest))?.output }))
      .filter((step) => step.output !== undefined);
    for (const [i, { command, output }] of steps.entries()) {
      assert.equal(`$ ${command}\n${output.trimEnd()}`, `$ ${expected[i]?.command}\n${expected[i]?.output}`);
    }
    assert.equal(steps.length, expected.length);
  }

  /** Call when all versions have run. */
  finish(): void {
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(this.#file, render(this.#seen));
  }
}
