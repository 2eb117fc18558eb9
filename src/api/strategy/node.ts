// Node: mostly written by its agent; pod CIDRs are assigned once.
import { validateCidr } from '../addresses.ts';
import type { FieldError } from '../field-error.ts';
import { forbidden, notSupported, required } from '../field-error.ts';
import { deepEqual } from '../json.ts';
import { nodes } from '../resources.ts';
import type { core } from '../types.ts';
import { defineStrategy } from './define-strategy.ts';

const taintEffects = ['NoExecute', 'NoSchedule', 'PreferNoSchedule'];

function validate(node: core.Node): FieldError[] {
  const errors: FieldError[] = [];
  (node.spec?.podCIDRs ?? []).forEach((c, i) => errors.push(...validateCidr(c, `spec.podCIDRs[${i}]`)));
  (node.spec?.taints ?? []).forEach((t, i) => {
    const path = `spec.taints[${i}]`;
    if (t.key === '') errors.push(required(`${path}.key`));
    if (!taintEffects.includes(t.effect)) errors.push(notSupported(`${path}.effect`, t.effect, taintEffects));
  });
  return errors;
}

export const nodeStrategy = defineStrategy<core.Node>({
  resource: nodes,
  schema: 'core.Node',
  applyDefaults(draft) {
    draft.spec ??= {};
    const { spec, status } = draft;
    if (spec.podCIDR !== undefined && spec.podCIDRs === undefined) spec.podCIDRs = [spec.podCIDR];
    if (spec.podCIDRs?.[0] !== undefined && spec.podCIDR === undefined) spec.podCIDR = spec.podCIDRs[0];
    if (status?.capacity !== undefined && status.allocatable === undefined) status.allocatable = { ...status.capacity };
  },
  // Nodes register themselves together with their status.
  keepsStatusOnCreate: true,
  validate,
  validateUpdate(next, previous) {
    const was = previous.spec?.podCIDRs ?? [];
    const changed = was.length > 0 && !deepEqual(next.spec?.podCIDRs ?? [], was);
    return changed ? [forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid')] : [];
  },
  selectableFields: (n) => ({ 'spec.unschedulable': String(n.spec?.unschedulable ?? false) }),
});
