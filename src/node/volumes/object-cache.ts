// ConfigMaps, Secrets and claims of pods: read when needed, kept for a moment, because pods that start together want the
// same ones.
import {
  configMaps,
  isNotFound,
  persistentVolumeClaims,
  persistentVolumes,
  secrets,
  type ConfigMap,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Secret,
} from '../../api/objects.ts';
import type { Client } from '../../client/index.ts';
import type { Clock } from '../../clock/index.ts';

const FRESH_MS = 2000;

interface Entry {
  readonly atMs: number;
  readonly value: Promise<unknown>;
}

export class ObjectCache {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Undefined: it does not exist. */
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined> {
    return this.#read(`configmap/${namespace}/${name}`, () => this.#client.resource(configMaps).get(name, namespace));
  }

  secret(namespace: string, name: string): Promise<Secret | undefined> {
    return this.#read(`secret/${namespace}/${name}`, () => this.#client.resource(secrets).get(name, namespace));
  }

  claim(namespace: string, name: string): Promise<PersistentVolumeClaim | undefined> {
    const get = () => this.#client.resource(persistentVolumeClaims).get(name, namespace);
    return this.#read(`claim/${namespace}/${name}`, get);
  }

  volume(name: string): Promise<PersistentVolume | undefined> {
    return this.#read(`volume/${name}`, () => this.#client.resource(persistentVolumes).get(name));
  }

  #read<T>(key: string, get: () => Promise<T>): Promise<T | undefined> {
    const now = this.#clock.monotonic();
    const known = this.#entries.get(key);
    if (known !== undefined && now - known.atMs < FRESH_MS) return known.value as Promise<T | undefined>;
    const value = get().catch((e: unknown) => {
      if (isNotFound(e)) return undefined;
      this.#entries.delete(key);
      throw e;
    });
    this.#entries.set(key, { atMs: now, value });
    if (this.#entries.size > 500) this.#forgetOld(now);
    return value;
  }

  #forgetOld(now: number): void {
    for (const [key, entry] of this.#entries) if (now - entry.atMs >= FRESH_MS) this.#entries.delete(key);
  }
}
