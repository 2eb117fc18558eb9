// Resource bounds of containers by cgroups, version 1 or 2, whichever the machine has. Nothing here is fatal: without
// cgroups containers run unbounded, and the log says so once.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from '../../log/index.ts';
import type { ResourceLimits } from './contract.ts';
import { cgroupFiles, V1_CONTROLLERS, V2_CONTROLLERS, type CgroupVersion } from './cgroup-files.ts';

const MOUNT = '/sys/fs/cgroup';

export class CgroupTree {
  /** Path below each hierarchy, e.g. `portico-demo/node-1`. */
  readonly #base: string;
  readonly #mount: string;
  readonly #version: CgroupVersion | undefined;
  readonly #controllers: readonly string[];
  #warned = false;

  constructor(base: string, mount = MOUNT) {
    this.#base = base;
    this.#mount = mount;
    const v1 = V1_CONTROLLERS.filter((c) => existsSync(path.join(mount, c, 'cgroup.procs')));
    if (existsSync(path.join(mount, 'cgroup.controllers'))) this.#version = 'v2';
    else if (v1.length > 0) this.#version = 'v1';
    this.#controllers = this.#version === 'v2' ? [''] : v1;
  }

  #dirs(...parts: string[]): { controller: string; dir: string }[] {
    return this.#controllers.map((c) => ({ controller: c, dir: path.join(this.#mount, c, this.#base, ...parts) }));
  }

  /** Makes the container's groups and returns their `cgroup.procs` files. */
  create(podUid: string, id: string, limits: ResourceLimits, log: Logger): string[] {
    if (this.#version === undefined) return [];
    try {
      if (this.#version === 'v2') this.#delegate(podUid);
      const group = `${podUid}/${id.slice(0, 16)}`;
      return this.#dirs(group).map(({ controller, dir }) => {
        mkdirSync(dir, { recursive: true });
        for (const [file, value] of cgroupFiles(this.#version ?? 'v2', controller, limits)) {
          writeFileSync(path.join(dir, file), value);
        }
        return path.join(dir, 'cgroup.procs');
      });
    } catch (error) {
      if (!this.#warned) log.warn('containers run without resource bounds: cgroups refuse', { error });
      this.#warned = true;
      return [];
    }
  }

  /** Version 2 hands controllers down level by level. */
  #delegate(podUid: string): void {
    const enable = V2_CONTROLLERS.map((c) => `+${c}`).join(' ');
    let dir = this.#mount;
    for (const part of ['', ...this.#base.split('/'), podUid]) {
      dir = path.join(dir, part);
      mkdirSync(dir, { recursive: true });
      writeFileSync(path.join(dir, 'cgroup.subtree_control'), enable);
    }
  }

  usage(podUid: string, id: string): { cpuNanos?: number; memoryBytes?: number } {
    const read = (controller: string, file: string): string | undefined => {
      try {
        return readFileSync(path.join(this.#mount, controller, this.#base, podUid, id.slice(0, 16), file), 'utf8');
      } catch {
        return undefined;
      }
    };
    const number = (text: string | undefined) => (text === undefined ? undefined : Number(text.trim()));
    const v2 = this.#version === 'v2';
    const micros = /usage_usec (\d+)/.exec(read('', 'cpu.stat') ?? '')?.[1];
    const cpu = v2
      ? micros === undefined
        ? undefined
        : Number(micros) * 1000
      : number(read('cpuacct', 'cpuacct.usage'));
    const memory = v2 ? number(read('', 'memory.current')) : number(read('memory', 'memory.usage_in_bytes'));
    return {
      ...(cpu === undefined ? {} : { cpuNanos: cpu }),
      ...(memory === undefined ? {} : { memoryBytes: memory }),
    };
  }

  oomKilled(podUid: string, id: string): boolean {
    const file = this.#version === 'v2' ? 'memory.events' : 'memory.oom_control';
    const controller = this.#version === 'v2' ? '' : 'memory';
    try {
      const text = readFileSync(path.join(this.#mount, controller, this.#base, podUid, id.slice(0, 16), file), 'utf8');
      return /^oom_kill [1-9]/m.test(text);
    } catch {
      return false;
    }
  }

  /** Ids of all processes of a container, for ending what is left. */
  processes(podUid: string, id: string): number[] {
    const first = this.#dirs(podUid, id.slice(0, 16))[0];
    try {
      const text = first === undefined ? '' : readFileSync(path.join(first.dir, 'cgroup.procs'), 'utf8');
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map(Number);
    } catch {
      return [];
    }
  }

  remove(podUid: string, id: string): void {
    for (const { dir } of this.#dirs(podUid, id.slice(0, 16))) removeGroup(dir);
  }

  removePod(podUid: string): void {
    for (const { dir } of this.#dirs(podUid)) {
      for (const child of children(dir)) removeGroup(path.join(dir, child));
      removeGroup(dir);
    }
  }

  /** Removes empty groups of the node, down to the cluster's own. */
  removeAll(): void {
    for (const { dir } of this.#dirs()) {
      for (const pod of children(dir)) {
        for (const container of children(path.join(dir, pod))) removeGroup(path.join(dir, pod, container));
        removeGroup(path.join(dir, pod));
      }
      removeGroup(dir);
    }
  }
}

function children(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? [e.name] : []));
  } catch {
    return [];
  }
}

const BUSY_RETRY_MS = 50;
const BUSY_RETRIES = 20;

/** A group whose last process is just being reaped is busy for a moment. */
function removeGroup(dir: string, retries = BUSY_RETRIES): void {
  try {
    rmdirSync(dir);
  } catch (e) {
    // ENOENT: gone already. What is busy for long is removed with its pod, its node, or the cluster.
    const isBusy = (e as NodeJS.ErrnoException).code === 'EBUSY';
    if (isBusy && retries > 0) setTimeout(removeGroup, BUSY_RETRY_MS, dir, retries - 1).unref();
  }
}
