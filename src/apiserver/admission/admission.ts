// The admission steps in their order: what may be written at all, and what is filled in on the way.
import type { ApiObject } from '../../api/index.ts';
import type { Store } from '../../store/index.ts';
import type { ResourceRequest } from '../request/resource-request.ts';
import type { Admission } from '../verbs/deps.ts';
import { checkNamespace, protectNamespace } from './namespace-lifecycle.ts';
import { restrictNode } from './node-restriction.ts';
import { podSecurity } from './pod-security.ts';
import { limitRanger } from './limit-ranges.ts';
import { priority } from './priority.ts';
import { addTolerations, taintNewNode } from './taints.ts';
import { addServiceAccount } from './service-account.ts';
import { storageAdmission } from './storage.ts';

export interface AdmissionStep {
  create?(request: ResourceRequest, draft: ApiObject, store: Store): Promise<void> | void;
  update?(request: ResourceRequest, next: ApiObject, previous: ApiObject, store: Store): Promise<void> | void;
  remove?(request: ResourceRequest, current: ApiObject, store: Store): Promise<void> | void;
}

export function createAdmission(store: Store, more: readonly AdmissionStep[] = []): Admission {
  const steps: readonly AdmissionStep[] = [
    { create: checkNamespace, remove: protectNamespace },
    restrictNode,
    { create: addServiceAccount },
    priority,
    { create: addTolerations },
    { create: taintNewNode },
    limitRanger,
    podSecurity,
    storageAdmission,
    ...more,
  ];
  return {
    async create(request, draft) {
      for (const step of steps) await step.create?.(request, draft, store);
    },
    async update(request, next, previous) {
      for (const step of steps) await step.update?.(request, next, previous, store);
    },
    async remove(request, current) {
      for (const step of steps) await step.remove?.(request, current, store);
    },
  };
}
