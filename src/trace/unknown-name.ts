// Which part of a name is not there: the namespace, the service, or its endpoints.
import type { ClusterView } from './cluster-view.ts';
import type { DnsStep } from './resolve-target.ts';
import { serviceOfName } from './target-name.ts';

export interface UnknownName {
  readonly view: ClusterView;
  readonly clusterDomain: string;
  /** As it was typed. */
  readonly name: string;
  readonly questions: readonly DnsStep[];
}

export async function explainUnknownName({ view, clusterDomain, name, questions }: UnknownName): Promise<string> {
  const asked = `(asked: ${questions.map((q) => `${q.name} ${q.type} ${q.answer?.rcode ?? 'no answer'}`).join(', ')})`;
  const services = questions.flatMap((q) => serviceOfName(q.name, clusterDomain) ?? []);
  // One that exists says most; then one in a namespace that exists; then the first.
  for (const wanted of services) {
    const why = await whyNoAddress(view, wanted.namespace, wanted.name);
    if (why !== undefined) return `Service ${wanted.namespace}/${wanted.name} exists, but ${why} ${asked}`;
  }
  const host = await explainHost(view, clusterDomain, questions);
  if (host !== undefined) return `${host} ${asked}`;
  for (const wanted of services) {
    if (!(await view.namespaceExists(wanted.namespace))) continue;
    return `there is no Service ${wanted.namespace}/${wanted.name}, so its name does not exist ${asked}`;
  }
  const [first] = services;
  if (first !== undefined) {
    return `there is no namespace ${first.namespace}, so there is no Service ${first.name} in it ${asked}`;
  }
  return `the name ${name} does not exist ${asked}`;
}

/** Undefined when there is no such service. */
async function whyNoAddress(view: ClusterView, namespace: string, name: string): Promise<string | undefined> {
  const service = await view.service(namespace, name);
  if (service === undefined) return undefined;
  if (service.spec?.type === 'ExternalName') {
    return `it is another name for ${service.spec.externalName}, which does not resolve`;
  }
  if (service.spec?.clusterIP !== 'None') return 'DNS does not know it yet';
  const endpoints = (await view.slices(namespace, name)).flatMap((slice) => slice.endpoints ?? []);
  if (endpoints.length === 0) return 'it is headless and has no endpoint: no pod fits its selector';
  const ready = endpoints.some((endpoint) => endpoint.conditions?.ready !== false);
  return ready
    ? 'DNS does not know its endpoints yet'
    : `it is headless and none of its ${endpoints.length} endpoints is ready`;
}

/** `HOST.SERVICE.NAMESPACE.svc…`: a service that exists, without an endpoint of that host name. */
async function explainHost(view: ClusterView, clusterDomain: string, questions: readonly DnsStep[]) {
  for (const { name } of questions) {
    const [host, ...rest] = name.split('.');
    const wanted = serviceOfName(rest.join('.'), clusterDomain);
    if (wanted === undefined || (await view.service(wanted.namespace, wanted.name)) === undefined) continue;
    return `Service ${wanted.namespace}/${wanted.name} exists, but none of its endpoints has the host name ${host}`;
  }
  return undefined;
}
