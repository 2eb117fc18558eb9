// Claims and volumes: the finalizers that keep what is in use, the default class, and which claims may grow.
import {
  PV_PROTECTION,
  PVC_PROTECTION,
  compareQuantities,
  defaultClass,
  forbiddenBecause,
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
  type ApiObject,
  type core,
  type StorageClass,
} from '../../api/index.ts';
import type { Store } from '../../store/index.ts';
import { storageKey, keyPrefix } from '../objects/storage-key.ts';
import { storedObject } from '../objects/stored-object.ts';
import type { ResourceRequest } from '../request/resource-request.ts';
import type { AdmissionStep } from './admission.ts';

export const storageAdmission: AdmissionStep = {
  async create({ resource }, draft, store) {
    if (resource === persistentVolumes) addFinalizer(draft, PV_PROTECTION);
    if (resource !== persistentVolumeClaims) return;
    addFinalizer(draft, PVC_PROTECTION);
    const claim = draft as unknown as { spec?: { storageClassName?: string }; metadata: ApiObject['metadata'] };
    const beta = claim.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'];
    if (claim.spec === undefined || claim.spec.storageClassName !== undefined || beta !== undefined) return;
    const page = await store.list(keyPrefix(storageClasses, ''), {});
    const found = defaultClass(page.entries.map((entry) => storedObject(entry).object as StorageClass));
    if (found !== undefined) claim.spec.storageClassName = found.metadata.name;
  },
  async update(request, next, previous, store) {
    if (request.resource !== persistentVolumeClaims || request.subresource !== '') return;
    const [before, after] = [sizeOf(previous), sizeOf(next)];
    if (before === undefined || after === undefined || compareQuantities(after, before) <= 0) return;
    await checkMayGrow(request, next, store);
  },
};

function addFinalizer({ metadata }: ApiObject, name: string): void {
  const present = metadata.finalizers ?? [];
  if (!present.includes(name)) metadata.finalizers = [...present, name];
}

const specOf = (object: ApiObject) => object.spec as core.PersistentVolumeClaimSpec | undefined;
const sizeOf = (object: ApiObject) => specOf(object)?.resources?.requests?.['storage'];

async function checkMayGrow(request: ResourceRequest, claim: ApiObject, store: Store): Promise<void> {
  const refuse = (why: string) => forbiddenBecause(request.resource, request.name, why);
  if ((claim.status as core.PersistentVolumeClaimStatus | undefined)?.phase !== 'Bound') {
    throw refuse('Only bound persistent volume claims can be expanded');
  }
  const name = specOf(claim)?.storageClassName ?? '';
  const entry = name === '' ? undefined : await store.get(storageKey(storageClasses, undefined, name));
  if (entry !== undefined && (storedObject(entry).object as StorageClass).allowVolumeExpansion === true) return;
  throw refuse(
    'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
  );
}
