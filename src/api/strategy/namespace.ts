// Namespace: named by itself, and kept until its `kubernetes` finalizer has emptied it.
import type { core } from '../types.ts';
import { namespaces } from '../resources.ts';
import { dns1123Label, nameIs } from '../names.ts';
import { defineStrategy } from './define-strategy.ts';

const nameLabel = 'kubernetes.io/metadata.name';

export const namespaceStrategy = defineStrategy<core.Namespace>({
  resource: namespaces,
  schema: 'core.Namespace',
  name: nameIs(dns1123Label),
  applyDefaults(draft) {
    // Selectors over namespaces rely on this label being there and true.
    const name = draft.metadata?.name ?? '';
    if (name !== '' && draft.metadata !== undefined) {
      draft.metadata.labels = { ...draft.metadata.labels, [nameLabel]: name };
    }
  },
  prepareForCreate(draft) {
    const finalizers = new Set([...(draft.spec?.finalizers ?? []), 'kubernetes']);
    draft.spec = { ...draft.spec, finalizers: [...finalizers] };
    draft.status = { phase: 'Active' };
  },
  prepareForUpdate(draft, previous) {
    // Only the finalize subresource changes these.
    if (previous.spec !== undefined) draft.spec = { ...draft.spec, finalizers: previous.spec.finalizers ?? [] };
  },
  selectableFields: (n) => ({ 'status.phase': n.status?.phase ?? '' }),
});
