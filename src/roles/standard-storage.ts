// The StorageClass `standard`, the default one: volumes that are folders of the node on which their first pod runs.
import { DEFAULT_CLASS, LOCAL_PROVISIONER, storageClasses } from '../api/objects.ts';
import type { Client } from '../client/index.ts';
import { createIfMissing } from './create-if-missing.ts';

export async function applyStandardStorage(client: Client): Promise<void> {
  await createIfMissing(client, storageClasses, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'standard', annotations: { [DEFAULT_CLASS]: 'true' } },
    provisioner: LOCAL_PROVISIONER,
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'WaitForFirstConsumer',
  });
}
