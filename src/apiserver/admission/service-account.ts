// Every pod runs as a service account and finds its token, the cluster's authority and its namespace in a volume.
import {
  copyJson,
  forbiddenBecause,
  pods,
  serviceAccounts,
  type ApiObject,
  type core,
  type ServiceAccount,
} from '../../api/index.ts';
import type { Store } from '../../store/index.ts';
import { storedObject } from '../objects/stored-object.ts';
import { storageKey } from '../objects/storage-key.ts';
import type { ResourceRequest } from '../request/resource-request.ts';
import { generateName } from '../verbs/generate-name.ts';

const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
/** An hour, and seven seconds by which it is told from tokens that users ask for. */
const TOKEN_SECONDS = 3607;
/** Static pods, which agents mirror, have no account. */
const MIRROR = 'kubernetes.io/config.mirror';

export async function addServiceAccount(request: ResourceRequest, draft: ApiObject, store: Store): Promise<void> {
  if (request.resource !== pods || draft.metadata.annotations?.[MIRROR] !== undefined) return;
  const spec = draft.spec as core.PodSpec | undefined;
  if (spec === undefined) return;
  const { namespace } = request;
  const name = spec.serviceAccountName ?? 'default';
  const entry = await store.get(storageKey(serviceAccounts, namespace, name));
  if (entry === undefined) {
    const why = `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`;
    throw forbiddenBecause(pods, draft.metadata.name ?? '', why);
  }
  const account = storedObject(entry).object as ServiceAccount;
  spec.serviceAccountName = name;
  spec.serviceAccount = name;
  if ((spec.imagePullSecrets ?? []).length === 0 && account.imagePullSecrets !== undefined) {
    spec.imagePullSecrets = copyJson(account.imagePullSecrets);
  }
  if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(spec);
}

function mountToken(spec: core.PodSpec): void {
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
  const bare = containers.filter((c) => !(c.volumeMounts ?? []).some((m) => m.mountPath === TOKEN_PATH));
  if (bare.length === 0) return;
  const volumes = (spec.volumes ??= []);
  const present = volumes.find((v) => v.name.startsWith('kube-api-access-'));
  const volume = present?.name ?? generateName('kube-api-access-');
  if (present === undefined) volumes.push({ name: volume, projected: { defaultMode: 0o644, sources: sources() } });
  for (const container of bare) {
    (container.volumeMounts ??= []).push({ name: volume, mountPath: TOKEN_PATH, readOnly: true });
  }
}

const sources = (): core.VolumeProjection[] => [
  { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
  { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
  {
    downwardAPI: {
      items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
    },
  },
];
