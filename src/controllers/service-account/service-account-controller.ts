// Gives every namespace its `default` ServiceAccount and the ConfigMap with the cluster's CA.
import { configMaps, isAlreadyExists, isNotFound, namespaces, serviceAccounts } from '../../api/objects.ts';
import { objectKey } from '../../client/index.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { isNamespaceTerminating } from '../runtime/pod-control.ts';
import { isDeleting } from '../runtime/pod-state.ts';
import { startReconciler } from '../runtime/reconciler.ts';

const ACCOUNT = 'default';
const ROOT_CA = 'kube-root-ca.crt';

export interface ServiceAccountOptions {
  /** PEM of the CA by which pods know the API server; without it no ConfigMaps are made. */
  caPem?: string | undefined;
}

export function startServiceAccountController(
  context: ControllerContext,
  options: ServiceAccountOptions = {},
): Running {
  const { client, informers } = context;
  const namespaceInformer = informers.of(namespaces);
  const accountInformer = informers.of(serviceAccounts);
  const mapInformer = informers.of(configMaps);
  const accountApi = client.resource(serviceAccounts);
  const mapApi = client.resource(configMaps);

  namespaceInformer.onChange(({ key, after }) => {
    if (after !== undefined && !isDeleting(after)) queue.add(key);
  });
  accountInformer.onChange(({ before, after }) => {
    if (after === undefined && before?.metadata.name === ACCOUNT) queue.add(before.metadata.namespace ?? '');
  });
  mapInformer.onChange(({ before, after }) => {
    const map = after ?? before;
    if (before !== undefined && map?.metadata.name === ROOT_CA) queue.add(map.metadata.namespace ?? '');
  });

  const ensureAccount = async (namespace: string): Promise<void> => {
    if (accountInformer.items.has(objectKey(namespace, ACCOUNT))) return;
    await accountApi.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: ACCOUNT, namespace } });
  };
  const ensureRootCa = async (namespace: string, pem: string): Promise<void> => {
    const data = { 'ca.crt': pem };
    const existing = mapInformer.items.get(objectKey(namespace, ROOT_CA));
    if (existing?.data?.['ca.crt'] === pem && Object.keys(existing.data).length === 1) return;
    if (existing !== undefined) return void (await mapApi.update({ ...existing, data }));
    const annotations = {
      'kubernetes.io/description':
        'The certificate authority by which a pod knows that it talks to the API server of this cluster.',
    };
    await mapApi.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: ROOT_CA, namespace, annotations },
      data,
    });
  };

  const reconcile = async (namespace: string): Promise<void> => {
    const object = namespaceInformer.items.get(namespace);
    if (object === undefined || isDeleting(object)) return;
    await tolerant(ensureAccount(namespace));
    if (options.caPem !== undefined) await tolerant(ensureRootCa(namespace, options.caPem));
  };

  const queue = startReconciler(context, {
    name: 'service-account-controller',
    needs: [namespaceInformer, accountInformer, mapInformer],
    reconcile,
  });
  return { stop: () => queue.stop() };
}

/** Somebody was faster, or the namespace goes away: both are fine. */
async function tolerant(request: Promise<void>): Promise<void> {
  try {
    await request;
  } catch (e) {
    if (isAlreadyExists(e) || isNotFound(e) || isNamespaceTerminating(e)) return;
    throw e;
  }
}
