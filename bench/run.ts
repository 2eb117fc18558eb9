// Runs benches: `npm run bench -- up proxy dns`; without names, all. A bench is a file that prints one JSON line a
// figure; each runs in a process of its own, one after the other, because the machine is small and noisy.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const here = import.meta.dirname;
const areas = readdirSync(here, { withFileTypes: true })
  .filter((e) => e.isDirectory())
  .map((e) => e.name);
const args = process.argv.slice(2);
const firstFlag = args.findIndex((a) => a.startsWith('--'));
const wanted = firstFlag < 0 ? args : args.slice(0, firstFlag);
const flags = firstFlag < 0 ? [] : args.slice(firstFlag);

for (const name of wanted) {
  if (areas.includes(name)) continue;
  console.error(`bench: there is no '${name}'; choose from ${areas.join(', ')}`);
  process.exit(1);
}
let failed = false;
for (const area of wanted.length > 0 ? wanted : areas) {
  const files = readdirSync(path.join(here, area)).filter((f) => f.endsWith('.bench.ts'));
  for (const file of files.toSorted()) {
    const full = path.join(here, area, file);
    const result = spawnSync(process.execPath, [full, ...flags], { stdio: ['ignore', 'inherit', 'inherit'] });
    if (result.status !== 0) {
      console.error(`bench: ${area}/${file} failed (${result.status ?? result.signal})`);
      failed = true;
    }
  }
}
process.exit(failed ? 1 : 0);
