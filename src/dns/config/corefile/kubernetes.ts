// The Corefile's `kubernetes` and `k8s_external`.
import { ROOT } from '../../../dnswire/index.ts';
import type { WireName } from '../../../dnswire/index.ts';
import type { ExternalConfig } from '../../plugins/external/external-zone.ts';
import { defaultKubernetes } from '../config.ts';
import type { KubernetesConfig } from '../config.ts';
import { integerOf, isReverse } from '../values.ts';
import { at, mistake, unknownOption, zonesOfWords } from './directive.ts';
import type { Mutable } from './directive.ts';
import type { Directive } from './syntax.ts';

/** `kubernetes [ZONE…] { … }` */
export function kubernetes(d: Directive, blockZones: readonly WireName[]): KubernetesConfig {
  const all = d.args.length > 0 ? zonesOfWords(d.args, d) : [...blockZones];
  const zones = all.filter((zone) => !isReverse(zone));
  if (zones.length === 0 || zones.includes(ROOT)) throw mistake(d, `name the cluster's zone, such as cluster.local`);
  const out: Mutable<KubernetesConfig> = {
    ...defaultKubernetes(),
    zones,
    reverseZones: all.filter(isReverse),
    fallthrough: [],
    ttlSeconds: 5,
    pods: 'disabled',
  };
  for (const o of d.block) {
    switch (o.name) {
      case 'pods': {
        const mode = o.args[0];
        if (mode !== 'disabled' && mode !== 'insecure' && mode !== 'verified')
          throw mistake(o, `"${mode ?? ''}" is none of disabled, insecure, verified`);
        out.pods = mode;
        break;
      }
      case 'ttl':
        out.ttlSeconds = integerOf(o.args[0], at(o), 0, 3600);
        break;
      case 'fallthrough':
        out.fallthrough = o.args.length === 0 ? [ROOT] : zonesOfWords(o.args, o);
        break;
      case 'namespaces':
        out.namespaces = o.args;
        break;
      case 'labels':
        out.labelSelector = o.args.join(' ');
        break;
      case 'namespace_labels':
        out.namespaceLabelSelector = o.args.join(' ');
        break;
      case 'endpoint_pod_names':
        out.endpointPodNames = true;
        break;
      case 'noendpoints':
        out.withEndpoints = false;
        break;
      case 'zonal':
        out.zonal = true;
        break;
      case 'ignore':
        if (o.args[0] !== 'empty_service') throw mistake(o, `only empty_service can be ignored`);
        out.ignoreEmptyService = true;
        break;
      // How to reach the API server is a matter of flags here; upstream, startup_timeout and the rest have no effect.
      case 'endpoint':
      case 'tls':
      case 'kubeconfig':
      case 'upstream':
      case 'startup_timeout':
      case 'apiserver_qps':
      case 'apiserver_burst':
      case 'apiserver_max_inflight':
        break;
      default:
        throw unknownOption(o, 'kubernetes');
    }
  }
  return out;
}

/** `k8s_external [ZONE…] { apex LABEL; ttl SECONDS; headless; fallthrough [ZONE…] }` */
export function external(d: Directive, blockZones: readonly WireName[]): ExternalConfig {
  const all = d.args.length > 0 ? zonesOfWords(d.args, d) : [...blockZones];
  const zones = all.filter((zone) => !isReverse(zone));
  if (zones.length === 0 || zones.includes(ROOT)) throw mistake(d, 'name the zone, such as example.org');
  const base = { zones, reverseZones: all.filter(isReverse) };
  const out: Mutable<ExternalConfig> = { ...base, apex: 'dns', ttlSeconds: 5, headless: false, fallthrough: [] };
  for (const o of d.block) {
    if (o.name === 'apex') out.apex = labelOf(o);
    else if (o.name === 'ttl') out.ttlSeconds = integerOf(o.args[0], at(o), 0, 3600);
    else if (o.name === 'headless') out.headless = true;
    else if (o.name === 'fallthrough') out.fallthrough = o.args.length === 0 ? [ROOT] : zonesOfWords(o.args, o);
    else throw unknownOption(o, 'k8s_external');
  }
  return out;
}

function labelOf(o: Directive): string {
  const label = o.args[0]?.toLowerCase() ?? '';
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label)) throw mistake(o, `"${label}" is no label of a name`);
  return label;
}
