// The audit log: a file to which lines are added. A disk that is full must not take the API down with it.
import { createWriteStream } from 'node:fs';

import type { Logger } from '../log/index.ts';

export interface AuditLog {
  write(line: string): void;
  close(): void;
}

export function openAuditLog(file: string, log: Logger): AuditLog {
  const stream = createWriteStream(file, { flags: 'a', mode: 0o600 });
  stream.on('error', (error) => log.error('the audit log cannot be written', { file, error }));
  return {
    write(line) {
      if (!stream.destroyed) stream.write(`${line}\n`);
    },
    close: () => stream.end(),
  };
}
