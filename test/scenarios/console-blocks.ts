// Commands and their output as a document shows them: blocks of ```console, `$ ` before a command, below it what it
// prints. `…` in a line stands for any text, `…` alone for any number of lines.

export interface ShownCommand {
  readonly command: string;
  readonly output: readonly string[];
  /** Line of the document, from 1. */
  readonly line: number;
}

export function readConsoleBlocks(markdown: string): ShownCommand[] {
  const shown: { command: string; output: string[]; line: number }[] = [];
  let inside = false;
  for (const [index, line] of markdown.split('\n').entries()) {
    if (line.startsWith('```')) inside = line === '```console';
    else if (!inside) continue;
    else if (line.startsWith('$ ')) shown.push({ command: line.slice(2), output: [], line: index + 1 });
    else shown.at(-1)?.output.push(line);
  }
  return shown;
}

const escape = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
// Columns are as wide as the cluster's names make them, so any run of blanks is as good as another.
const pattern = (line: string) =>
  line
    .trim()
    .split(/\s+/)
    .map((word) => word.split('…').map(escape).join('.*'))
    .join(String.raw`\s+`);

/** Whether the output is what the document shows. */
export function outputMatches(expected: readonly string[], output: string): boolean {
  const lines = expected.map((line) => (line === '…' ? String.raw`(?:.*\n)*` : String.raw`\s*${pattern(line)}\s*\n`));
  return new RegExp(`^${lines.join('')}$`).test(output.endsWith('\n') ? output : `${output}\n`);
}
