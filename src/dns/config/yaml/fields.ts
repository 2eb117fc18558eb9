// Values of a YAML mapping, taken with their kinds; what nobody took is a mistake.
import type { WireName } from '../../../dnswire/index.ts';
import { DnsConfigError } from '../config.ts';
import { zonesOf } from '../values.ts';

/** A YAML mapping whose keys are taken one by one; what is left at the end is unknown. */
export class Fields {
  readonly path: string;
  readonly #left: Map<string, unknown>;

  constructor(value: unknown, path: string) {
    this.path = path;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new DnsConfigError(`${path || 'the configuration'} must be a mapping`);
    this.#left = new Map(Object.entries(value));
  }

  fail(key: string, why: string): DnsConfigError {
    return new DnsConfigError(`${this.where(key)} ${why}`);
  }

  where(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  take(key: string): unknown {
    const value = this.#left.get(key);
    this.#left.delete(key);
    return value ?? undefined;
  }

  string(key: string): string | undefined {
    const value = this.take(key);
    if (value === undefined || typeof value === 'string') return value;
    throw this.fail(key, 'must be a text');
  }

  number(key: string, max: number): number | undefined {
    const value = this.take(key);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= max) return value;
    throw this.fail(key, `must be a number from 0 to ${max}`);
  }

  boolean(key: string): boolean | undefined {
    const value = this.take(key);
    if (value === undefined || typeof value === 'boolean') return value;
    throw this.fail(key, 'must be true or false');
  }

  strings(key: string): string[] | undefined {
    const value = this.take(key);
    if (value === undefined) return undefined;
    const list: unknown[] = Array.isArray(value) ? value : [value];
    if (list.every((item) => typeof item === 'string')) return list;
    throw this.fail(key, 'must be a list of texts');
  }

  oneOf<T extends string>(key: string, choices: readonly T[]): T | undefined {
    const value = this.take(key);
    if (value === undefined) return undefined;
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw this.fail(key, `must be one of ${choices.join(', ')}`);
    return found;
  }

  zones(key: string): WireName[] | undefined {
    return this.strings(key)?.flatMap((text) => zonesOf(text, this.where(key)));
  }

  list(key: string): Fields[] | undefined {
    const value = this.take(key);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw this.fail(key, 'must be a list');
    return value.map((item: unknown, i) => new Fields(item, `${this.where(key)}[${i}]`));
  }

  fields(key: string): Fields | undefined {
    const value = this.take(key);
    return value === undefined ? undefined : new Fields(value, this.where(key));
  }

  entries(): [string, unknown][] {
    const all = [...this.#left];
    this.#left.clear();
    return all;
  }

  end(): void {
    const [unknown] = this.#left.keys();
    if (unknown !== undefined) throw this.fail(unknown, 'is not known');
  }
}

/** Leaves out what is undefined, so that defaults stay. */
export function given<T extends object>(values: { [K in keyof T]?: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
