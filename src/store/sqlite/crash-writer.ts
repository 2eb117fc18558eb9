// Child of the crash test: writes as fast as it can with many commits in flight and prints the number of each write
// that was acknowledged. It ends only when it is killed.
import { writeSync } from 'node:fs';
import process from 'node:process';
import { openSqliteStore } from './sqlite-store.ts';

const path = process.argv[2];
if (path === undefined) throw new Error('usage: crash-writer.ts FILE');
const store = openSqliteStore({ path });
let next = store.count('/r/a/');

async function writer(): Promise<void> {
  for (;;) {
    const key = `/r/a/${next++}`;
    const result = await store.commit([{ key, revision: 0 }], [{ type: 'put', key, value: `value of ${key}` }]);
    // A synchronous write: once the parent can read the line, the acknowledgement has happened.
    if (result.committed) writeSync(1, `${key} ${result.revision}\n`);
  }
}

await Promise.all(Array.from({ length: 16 }, writer));
