// Service: defaults and life of the object. Families and addresses: service-families.ts, service-shape.ts.
import { dns1035Label, nameIs } from '../names.ts';
import { services } from '../resources.ts';
import { defineStrategy } from './define-strategy.ts';
import type { ServiceDraft } from './service-shape.ts';
import { dropTypeDependentFields, isExternallyAccessible, specOf, syncClusterIps } from './service-shape.ts';
import { serviceWarnings, validateService, validateServiceUpdate } from './service-validation.ts';

const defaultAffinitySeconds = 10_800;

function applyDefaults(service: ServiceDraft): void {
  const spec = specOf(service);
  spec.sessionAffinity ??= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP') {
    const config = (spec.sessionAffinityConfig ??= {});
    (config.clientIP ??= {}).timeoutSeconds ??= defaultAffinitySeconds;
  }
  spec.type ??= 'ClusterIP';
  for (const port of spec.ports ?? []) {
    port.protocol ??= 'TCP';
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '')
      port.targetPort = port.port ?? 0;
  }
  if (isExternallyAccessible(service)) spec.externalTrafficPolicy ??= 'Cluster';
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') {
    spec.allocateLoadBalancerNodePorts ??= true;
    for (const ingress of service.status?.loadBalancer?.ingress ?? []) {
      if (ingress.ip !== undefined) ingress.ipMode ??= 'VIP';
    }
  }
  service.status ??= {};
  service.status.loadBalancer ??= {};
}

export const serviceStrategy = defineStrategy<ServiceDraft>({
  resource: services,
  schema: 'core.Service',
  name: nameIs(dns1035Label),
  allowsCreateOnUpdate: true,
  returnsObjectOnDelete: true,
  applyDefaults,
  prepareForCreate(draft) {
    draft.status = { loadBalancer: {} };
    syncClusterIps(draft);
  },
  prepareForUpdate(draft, previous) {
    syncClusterIps(draft, previous);
    dropTypeDependentFields(draft, previous);
  },
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  warnings: serviceWarnings,
  selectableFields: (s) => ({ 'spec.clusterIP': s.spec?.clusterIP ?? '', 'spec.type': s.spec?.type ?? '' }),
});
