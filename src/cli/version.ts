// The version, from package.json: the one place that says it.
import { readFileSync } from 'node:fs';
import path from 'node:path';

const file = path.join(import.meta.dirname, '..', '..', 'package.json');

export const VERSION: string = (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
