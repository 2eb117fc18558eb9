// A zone read from a master file, and read again when its serial has changed.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Clock, Timer } from '../../../clock/index.ts';
import { DnsWireError, formatName, parseMasterFile } from '../../../dnswire/index.ts';
import type { WireName } from '../../../dnswire/index.ts';
import type { Logger } from '../../../log/index.ts';
import { DnsConfigError } from '../../config/config.ts';
import { zoneDataOf, ZoneDataError } from './zone-data.ts';
import type { ZoneData } from './zone-data.ts';

export interface ZoneFileOptions {
  readonly file: string;
  readonly origin: WireName;
  /** 0: never read again. */
  readonly reloadMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called with the zone when it is there first, and after each change. */
  readonly onChange: (zone: ZoneData) => void;
}

/** Made by signing; this server does not serve signatures. */
const SIGNATURES = new Set(['RRSIG', 'NSEC', 'NSEC3', 'NSEC3PARAM', 'TYPE51', 'CDS', 'CDNSKEY']);

export class ZoneFile {
  readonly origin: WireName;
  /** Undefined while there is no file. */
  zone: ZoneData | undefined;
  readonly #options: ZoneFileOptions;
  #text = '';
  #timer: Timer;

  /** @throws DnsConfigError for a file that is there and is no zone */
  constructor(options: ZoneFileOptions) {
    this.#options = options;
    this.origin = options.origin;
    const text = this.#read();
    if (text !== undefined) this.zone = this.#parse(text);
  }

  /** Looks at the file from now on. */
  start(): void {
    const { reloadMs, clock } = this.#options;
    if (this.zone !== undefined) this.#options.onChange(this.zone);
    const again = () => {
      this.check();
      this.#timer = clock.after(reloadMs, again);
    };
    if (reloadMs > 0) this.#timer = clock.after(reloadMs, again);
  }

  stop(): void {
    this.#options.clock.clear(this.#timer);
    this.#timer = undefined;
  }

  check(): void {
    const { log, file, onChange } = this.#options;
    const known = this.#text;
    const text = this.#read();
    if (text === undefined || text === known) return;
    try {
      const zone = this.#parse(text);
      if (zone.serial === this.zone?.serial) {
        log.warn('the zone file has changed but its serial has not: the zone stays as it was', { file });
        return;
      }
      this.zone = zone;
      log.info('the zone is read anew', { file, serial: zone.serial });
      onChange(zone);
    } catch (error) {
      log.error('the zone file cannot be used: the zone stays as it was', { file, error });
    }
  }

  #read(): string | undefined {
    const { file, log } = this.#options;
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      log.warn('the zone file cannot be read', { file, zone: formatName(this.origin), error });
      return undefined;
    }
  }

  #parse(text: string): ZoneData {
    const { file, origin, log } = this.#options;
    this.#text = text;
    const include = (name: string) => {
      const full = path.resolve(path.dirname(file), name);
      return { file: full, text: readFileSync(full, 'utf8') };
    };
    if (/\sRRSIG\s/i.test(text)) log.warn('the zone is signed: it is served without its signatures', { file });
    try {
      return zoneDataOf(parseMasterFile(text, { origin, file, include, skip: SIGNATURES }), origin);
    } catch (error) {
      if (error instanceof DnsWireError) throw new DnsConfigError(error.message, { cause: error });
      if (error instanceof ZoneDataError) throw new DnsConfigError(`${file}: ${error.message}`, { cause: error });
      throw new DnsConfigError(`${file}: ${(error as Error).message}`, { cause: error });
    }
  }
}
