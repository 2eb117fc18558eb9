// One informer per resource for all controllers of a process.
import type { KubeObject, Resource } from '../../api/objects.ts';
import type { Client, Informer } from '../../client/index.ts';
import { createInformer } from '../../client/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Logger } from '../../log/index.ts';

export interface SharedInformers {
  /** The same informer for the same resource. It starts with the first call: add handlers in that turn. */
  of<T extends KubeObject>(resource: Resource<T>): Informer<T>;
  stop(): void;
}

export function createSharedInformers(client: Client, options: { log?: Logger; clock?: Clock } = {}): SharedInformers {
  const informers = new Map<Resource, Informer<unknown>>();
  return {
    of<T extends KubeObject>(resource: Resource<T>) {
      let informer = informers.get(resource);
      if (informer === undefined) informers.set(resource, (informer = createInformer(client, resource, options)));
      return informer as Informer<T>;
    },
    stop() {
      for (const informer of informers.values()) informer.stop();
    },
  };
}
