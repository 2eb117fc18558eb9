// The floors of the house: which room may import which. Run as a check: `node tools/floors.ts`.
// A room imports only from floors below its own, and only through the other room's door (index.ts).
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const FLOORS: readonly (readonly string[])[] = [
  ['ip', 'dnswire', 'log', 'clock', 'metrics', 'errors', 'http', 'pki', 'grpc'],
  ['api', 'store', 'client', 'linux'],
  ['apiserver', 'controllers', 'scheduler', 'join', 'node', 'podnet', 'cni', 'proxy', 'dns', 'trace'],
  ['roles'],
  ['cluster'],
  ['ui'],
  ['cli'],
];

/** Imports on one floor that are allowed, each with its reason. */
const EXCEPTIONS: readonly (readonly [from: string, to: string, why: string])[] = [
  ['client', 'api', 'the client moves the objects that api defines'],
  ['grpc', 'pki', 'only its tests: TLS needs certificates'],
  ['cni', 'podnet', 'only its kernel test, which plugs containers into a real pod network'],
  ['trace', 'proxy', 'trace shows the desired state, which is the proxy room’s value'],
];

/** Rooms without a door: each file is loaded alone. */
const DOORLESS: Readonly<Record<string, string>> = {
  roles: 'a role is a process of its own and must not load the others at start',
};

/** A second door of a room, with the reason; every other room has one, index.ts. */
const SECOND_DOORS: Readonly<Record<string, string>> = {
  'api/objects.ts': 'what every component needs, without the megabytes of schemas and rules only the server reads',
};

const floorOf = new Map(FLOORS.flatMap((rooms, floor) => rooms.map((room) => [room, floor] as const)));

function* files(dir: string): Iterable<string> {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const full = path.join(dir, entry.name);
    if (entry.isDirectory()) yield* files(full);
    else if (/\.tsx?$/.test(entry.name)) yield full;
  }
}

export interface Breach {
  file: string;
  imports: string;
  why: string;
}

const IMPORT = /(?:^|\n)\s*(?:import|export)[^'"]*?from\s*'([^']+)'|import\(\s*'([^']+)'\s*\)/g;

/** Every import in `src` that the floors forbid. */
export function findBreaches(src: string): Breach[] {
  const breaches: Breach[] = [];
  for (const file of files(src)) {
    const room = path.relative(src, file).split(path.sep)[0] ?? '';
    const floor = floorOf.get(room);
    if (floor === undefined) {
      breaches.push({ file, imports: room, why: `room ${room} stands on no floor: add it to tools/floors.ts` });
      continue;
    }
    for (const match of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      const target = match[1] ?? match[2] ?? '';
      if (!target.startsWith('.')) continue;
      const resolved = path.relative(src, path.resolve(path.dirname(file), target));
      const [other = '', ...rest] = resolved.split(path.sep);
      if (other === room || other === '..') continue;
      const otherFloor = floorOf.get(other);
      const excepted = EXCEPTIONS.some(([from, to]) => from === room && to === other);
      if (otherFloor === undefined || (otherFloor >= floor && !excepted)) {
        breaches.push({ file, imports: resolved, why: `${room} may not import ${other}: not a floor below` });
      } else if (
        DOORLESS[other] === undefined &&
        rest.join('/') !== 'index.ts' &&
        SECOND_DOORS[resolved] === undefined &&
        !rest.at(-1)?.endsWith('contract.ts') &&
        !rest.includes('fake')
      ) {
        breaches.push({ file, imports: resolved, why: `import ${other} through its door, ${other}/index.ts` });
      }
    }
  }
  return breaches;
}

if (import.meta.main) {
  const src = path.join(import.meta.dirname, '..', 'src');
  const breaches = findBreaches(src);
  for (const b of breaches) console.error(`${path.relative(process.cwd(), b.file)}: ${b.imports}: ${b.why}`);
  if (breaches.length > 0) process.exit(1);
  console.log(`floors hold: ${floorOf.size} rooms on ${FLOORS.length} floors`);
}
