// An etcd in which a kube-apiserver keeps its state: found out, and not served as if it were ours.
import { UserError } from '../errors/index.ts';
import type { Store } from '../store/index.ts';
import type { StorePlace } from './open-store.ts';

/** Keys that every kube-apiserver makes and no server of ours: Nodes, and its books of addresses. */
const KUBERNETES_PREFIXES = ['/registry/minions/', '/registry/ranges/'];

/** Does a kube-apiserver keep its state there? */
export async function holdsKubernetesState(store: Store): Promise<boolean> {
  const pages = await Promise.all(KUBERNETES_PREFIXES.map((prefix) => store.list(prefix, { limit: 1 })));
  return pages.some(({ entries }) => entries.length > 0);
}

/** @throws UserError: its keys are others than ours, and two kinds of server would spoil each other's state. */
export async function refuseKubernetesState(store: Store, place: StorePlace): Promise<void> {
  if (!(await holdsKubernetesState(store))) return;
  throw new UserError(
    `${place.at} holds the state of a Kubernetes control plane: copy it to a store of its own, ` +
      `'portico store migrate --from ${place.at} --to STORE', and serve that`,
  );
}
