// Tells when the name of a network namespace goes: the namespace may live on, but nobody new can enter it.
import { existsSync, watch } from 'node:fs';
import path from 'node:path';

const NETNS_DIR = '/run/netns';

export interface NetnsWatch {
  close(): void;
}

/** Without the folder there is nothing to watch; what is lost then is found by looking from time to time. */
export function watchNetnsNames(onGone: (name: string) => void): NetnsWatch {
  if (!existsSync(NETNS_DIR)) return { close: () => undefined };
  const watcher = watch(NETNS_DIR, { persistent: false }, (_, name) => {
    if (name !== null && !existsSync(path.join(NETNS_DIR, name))) onGone(name);
  });
  watcher.on('error', () => watcher.close());
  return { close: () => watcher.close() };
}
