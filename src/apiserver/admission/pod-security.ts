// Enforces the Pod Security level that a namespace's labels ask for: pods are refused, templates and pods are warned of.
import { forbiddenBecause, namespaces, pods, type ApiObject, type core, type Namespace } from '../../api/index.ts';
import type { Store } from '../../store/index.ts';
import { storedObject } from '../objects/stored-object.ts';
import { storageKey } from '../objects/storage-key.ts';
import type { ResourceRequest } from '../request/resource-request.ts';
import type { AdmissionStep } from './admission.ts';
import { podSecurityViolations, type SecurityLevel } from './pod-security-checks.ts';

const LABEL = 'pod-security.kubernetes.io/';
const LEVELS: ReadonlySet<string> = new Set(['privileged', 'baseline', 'restricted']);

interface Policy {
  readonly level: SecurityLevel;
  /** For messages: `restricted:latest`. */
  readonly text: string;
}

function policyOf(labels: Readonly<Record<string, string>>, mode: 'enforce' | 'warn'): Policy {
  const asked = labels[LABEL + mode] ?? 'privileged';
  // Kubernetes takes a level it does not know for the strictest.
  const level = LEVELS.has(asked) ? (asked as SecurityLevel) : 'restricted';
  return { level, text: `${level}:${labels[`${LABEL}${mode}-version`] ?? 'latest'}` };
}

/** The pod spec in an object: a pod's own, or that of a workload's template. */
function podSpecOf(object: ApiObject): core.PodSpec | undefined {
  const spec = object.spec as (core.PodSpec & { template?: { spec?: core.PodSpec } }) | undefined;
  return object.kind === 'Pod' ? spec : spec?.template?.spec;
}

async function check(request: ResourceRequest, object: ApiObject, store: Store): Promise<void> {
  if (!request.resource.namespaced) return;
  const spec = podSpecOf(object);
  if (spec === undefined) return;
  const entry = await store.get(storageKey(namespaces, undefined, request.namespace));
  const labels = entry === undefined ? {} : ((storedObject(entry).object as Namespace).metadata.labels ?? {});
  const enforce = policyOf(labels, 'enforce');
  const warn = policyOf(labels, 'warn');
  const isPod = request.resource === pods;
  const violations = isPod ? podSecurityViolations(spec, enforce.level) : [];
  if (violations.length > 0) {
    throw forbiddenBecause(
      pods,
      object.metadata.name ?? '',
      `violates PodSecurity "${enforce.text}": ${violations.join(', ')}`,
    );
  }
  const warnings = podSecurityViolations(spec, warn.level);
  if (warnings.length > 0) request.warnings.push(`would violate PodSecurity "${warn.text}": ${warnings.join(', ')}`);
}

export const podSecurity: AdmissionStep = {
  create: check,
  // Status says nothing about what a pod may do; spec changes (ephemeral containers) do.
  update: (request, next, _previous, store) =>
    request.subresource === 'status' ? undefined : check(request, next, store),
};
