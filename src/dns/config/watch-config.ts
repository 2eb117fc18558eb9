// Looks at the configuration file and those it imports from time to time. Polling, because the file is often a mounted ConfigMap: a chain of
// links that is swapped, which file watches miss.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Clock, Timer } from '../../clock/index.ts';
import type { Logger } from '../../log/index.ts';
import { Counter, Gauge } from '../../metrics/index.ts';
import type { Registry } from '../../metrics/index.ts';
import { DnsConfigError } from './config.ts';
import type { DnsConfig } from './config.ts';
import { textWithImports } from './corefile/imports.ts';
import { parseDnsConfig } from './parse-dns-config.ts';

export interface ConfigWatch {
  /** Looks now; resolves when a change is applied or refused. */
  check(): Promise<void>;
  stop(): void;
}

export interface ConfigWatchOptions {
  readonly file: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Registry;
  /** Milliseconds until the next look; 0: never again. Asked each time, as the file itself sets it. */
  readonly intervalMs: () => number;
  /** Throws when the new configuration cannot be used: then the old one stays. */
  readonly apply: (config: DnsConfig) => Promise<void>;
}

export function watchConfig(options: ConfigWatchOptions): ConfigWatch {
  const { file, clock, log, metrics, intervalMs, apply } = options;
  const failed = metrics.register(new Counter('coredns_reload_failed_total', 'Configurations that could not be used.'));
  failed.inc({}, 0);
  const version = metrics.register(new Gauge('coredns_reload_version_info', 'Hash of the configuration in use.'));
  const read = () => textWithImports(file);
  let timer: Timer;
  let shown: string | undefined;
  const show = (text: string) => {
    if (shown !== undefined) version.remove({ hash: 'sha512', value: shown });
    shown = createHash('sha512').update(text).digest('hex');
    version.set(1, { hash: 'sha512', value: shown });
  };
  // The caller has read the file just now to start with.
  let last = read();
  if (last !== undefined) show(last);

  const check = async (): Promise<void> => {
    const text = read();
    if (text === last) return;
    last = text;
    if (text === undefined) {
      log.warn('the configuration file is gone: the old configuration stays', { file });
      return;
    }
    try {
      await apply(await parseDnsConfig(readFileSync(file, 'utf8'), file));
      show(text);
      log.info('the new configuration is in use', { file });
    } catch (error) {
      failed.inc();
      // The message says where the mistake is; where this server found it helps nobody.
      const why = error instanceof DnsConfigError ? error.message : error;
      log.error('the new configuration cannot be used: the old one stays', { file, error: why });
    }
  };
  const schedule = () => {
    const wait = intervalMs();
    if (wait > 0) timer = clock.after(wait, () => void check().finally(schedule));
  };
  schedule();
  return { check, stop: () => clock.clear(timer) };
}
