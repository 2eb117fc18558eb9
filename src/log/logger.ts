// Structured logs, one JSON object a line on stderr. Own code because every process of a cluster pays a library's
// start-up (see ARCHITECTURE.md, "Departures").
import process from 'node:process';

export type Level = 'debug' | 'info' | 'warn' | 'error';
export type Fields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** A logger that adds these fields to every line. */
  with(fields: Fields): Logger;
}

const ORDER: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Errors are not enumerable: spell them out, with their causes. */
function plain(value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const cause = value.cause === undefined ? {} : { cause: plain(value.cause) };
  return { name: value.name, message: value.message, stack: value.stack, ...cause };
}

export interface LoggerOptions {
  level?: Level;
  write?: (line: string) => void;
  now?: () => Date;
}

/** @example createLogger({ level: 'info' }).with({ component: 'proxy' }).info('synced', { services: 3 }) */
export function createLogger(options: LoggerOptions = {}, fields: Fields = {}): Logger {
  const threshold = ORDER[options.level ?? 'info'];
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const now = options.now ?? (() => new Date());
  const log = (level: Level, message: string, more: Fields = {}) => {
    if (ORDER[level] < threshold) return;
    const line: Record<string, unknown> = { ts: now().toISOString(), level, msg: message };
    for (const [key, value] of Object.entries({ ...fields, ...more })) line[key] = plain(value);
    write(`${JSON.stringify(line)}\n`);
  };
  return {
    debug: (m, f) => log('debug', m, f),
    info: (m, f) => log('info', m, f),
    warn: (m, f) => log('warn', m, f),
    error: (m, f) => log('error', m, f),
    with: (more) => createLogger(options, { ...fields, ...more }),
  };
}

/** For tests and for callers that want silence. */
export const silentLogger: Logger = createLogger({ write: () => undefined });
