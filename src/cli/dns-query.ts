// `portico dns query`: asks cluster DNS from where a pod or node is, and tells which object gave the answer or which
// part is missing.
import process from 'node:process';

import {
  configMaps,
  isNotFound,
  nodes,
  pods,
  services,
  type KubeObject,
  type Pod,
  type Resource,
} from '../api/objects.ts';
import { createClient, isConnectionError, loadKubeconfig, type Client } from '../client/index.ts';
import {
  DnsConfigError,
  defaultKubernetes,
  explainDns,
  parseDnsConfig,
  type KubernetesConfig,
  type SearchPath,
} from '../dns/index.ts';
import { DnsWireError, parseName } from '../dnswire/index.ts';
import { errorText, UserError } from '../errors/index.ts';
import type { TraceEnvironment } from '../trace/index.ts';
import { stringFlag, type Parsed } from './command.ts';
import { formatExplanation } from './format-explanation.ts';
import { parseAddressPort } from './listen-address.ts';
import { openLocalView } from './local-view.ts';
import { searchPathInPod, searchPathOfMachine } from './search-path-of.ts';

const DNS_NAMESPACE = 'kube-system';
const DNS_SERVICE = 'kube-dns';

/** Who asks: a pod's search path and namespace, a node's namespace, or this process as it is. */
interface Asker {
  text: string;
  pod?: Pod;
  netns?: string;
  /** As the asker's own file says. */
  resolver?: SearchPath;
}

interface View {
  client: Client;
  /** Absent: questions leave from this process. */
  environment?: TraceEnvironment;
}

/** Exit code 0: the name has records; 1: it has none. */
export async function runDnsQuery(parsed: Parsed): Promise<number> {
  const [, name, type, ...more] = parsed.positionals;
  if (name === undefined || more.length > 0) {
    throw new UserError("give NAME and, if it is not A, TYPE, as in 'portico dns query web.default SRV'");
  }
  const view = openView(parsed);
  const { client } = view;
  try {
    const asker = await findAsker(view, parsed);
    const kubernetes = await kubernetesConfig(client, view.environment?.clusterDomain);
    const server = await findServer(client, stringFlag(parsed, 'server'), asker.pod);
    const explanation = await explainDns({
      client,
      name,
      kubernetes,
      ...(type === undefined ? {} : { type: type.toUpperCase() }),
      ...(asker.resolver === undefined ? {} : { resolver: asker.resolver }),
      ...(asker.pod === undefined ? {} : { from: `${asker.pod.metadata.namespace}/${asker.pod.metadata.name}` }),
      ...(server === undefined
        ? {}
        : {
            server: {
              ...server,
              ...(asker.netns === undefined ? {} : { netns: asker.netns }),
              ...(parsed.flags['tcp'] === true ? { transport: 'tcp' as const } : {}),
            },
          }),
    });
    const report = {
      name,
      type: type?.toUpperCase() ?? 'A',
      askedBy: asker.text,
      ...(server === undefined ? {} : { server }),
      ...explanation,
    };
    process.stdout.write(
      parsed.flags['json'] === true ? `${JSON.stringify(report, null, 2)}\n` : formatExplanation(report),
    );
    return explanation.answer === undefined ? 1 : 0;
  } catch (e) {
    if (e instanceof DnsConfigError || e instanceof DnsWireError) throw new UserError(e.message);
    if (isConnectionError(e)) throw new UserError(`the API server cannot be asked: ${errorText(e)}`);
    throw e;
  } finally {
    client.close();
  }
}

function openView(parsed: Parsed): View {
  const kubeconfig = stringFlag(parsed, 'kubeconfig');
  // Another cluster: only its API and what answers from here; root is not needed.
  return kubeconfig === undefined ? openLocalView(parsed) : { client: createClient(loadKubeconfig(kubeconfig)) };
}

async function get<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  name: string,
  namespace?: string,
): Promise<T | undefined> {
  try {
    return await client.resource(resource).get(name, namespace);
  } catch (e) {
    if (isNotFound(e)) return undefined;
    throw e;
  }
}

/** @throws UserError when there is no such pod or node, or it is not on this machine */
async function findAsker({ client, environment }: View, parsed: Parsed): Promise<Asker> {
  const from = stringFlag(parsed, 'from');
  if (from?.startsWith('node/') === true) {
    const node = from.slice('node/'.length);
    if (environment === undefined) return { text: `this machine, for node ${node}` };
    const netns = environment.nodeNetns(node);
    if (netns === undefined) throw new UserError(`--from ${from}: this cluster has no running node ${node}`);
    return { text: `node ${node}`, netns, resolver: searchPathOfMachine() };
  }
  if (from === undefined) {
    if (environment === undefined) return { text: 'this machine' };
    const { items } = await client.resource(nodes).list();
    const node = items.map((n) => n.metadata.name).find((n) => environment.nodeNetns(n) !== undefined);
    const netns = node === undefined ? undefined : environment.nodeNetns(node);
    if (netns === undefined) throw new UserError("no node of the cluster is running; see 'portico status'");
    return { text: `node ${node}`, netns };
  }
  const parts = from.replace(/^pod\//, '').split('/');
  const name = parts.pop() ?? '';
  const namespace = parts.pop() ?? stringFlag(parsed, 'namespace') ?? 'default';
  const pod = await get(client, pods, name, namespace);
  if (pod === undefined) throw new UserError(`--from ${from}: no pod ${name} in namespace ${namespace}`);
  const text = `pod ${namespace}/${name}`;
  if (environment === undefined) return { text: `this machine, with the search path of ${text}`, pod };
  const netns =
    pod.spec?.hostNetwork === true
      ? environment.nodeNetns(pod.spec.nodeName ?? '')
      : environment.podNetns({
          uid: pod.metadata.uid,
          namespace,
          name,
          ips: (pod.status?.podIPs ?? []).map(({ ip }) => ip ?? ''),
          ...(pod.spec?.nodeName === undefined ? {} : { node: pod.spec.nodeName }),
        });
  if (netns === undefined) throw new UserError(`--from ${from}: ${text} is not running (${pod.status?.phase})`);
  // Programs of several pods share a node's network: which of them is meant cannot be seen there.
  const resolver = pod.spec?.hostNetwork === true ? undefined : searchPathInPod(netns);
  return { text, pod, netns, ...(resolver === undefined ? {} : { resolver }) };
}

async function findServer(
  client: Client,
  said: string | undefined,
  pod: Pod | undefined,
): Promise<{ address: string; port?: number } | undefined> {
  if (said !== undefined) return parseAddressPort('--server', said);
  const own = pod?.spec?.dnsPolicy === 'None' ? pod.spec.dnsConfig?.nameservers?.[0] : undefined;
  if (own !== undefined) return { address: own };
  const address = (await get(client, services, DNS_SERVICE, DNS_NAMESPACE))?.spec?.clusterIP;
  return address === undefined || address === 'None' ? undefined : { address };
}

/** What the cluster's own DNS is told about its zone; ours and CoreDNS keep it in different ConfigMaps. */
async function kubernetesConfig(client: Client, clusterDomain = 'cluster.local'): Promise<KubernetesConfig> {
  for (const name of [DNS_SERVICE, 'coredns']) {
    const text = (await get(client, configMaps, name, DNS_NAMESPACE))?.data?.['Corefile'];
    if (text === undefined) continue;
    try {
      const found = (await parseDnsConfig(text)).blocks.find((b) => b.kubernetes !== undefined)?.kubernetes;
      if (found !== undefined) return found;
    } catch (e) {
      // The server goes on with what it had before; what that was cannot be seen from here.
      process.stderr.write(`portico: the Corefile in ConfigMap ${DNS_NAMESPACE}/${name}: ${errorText(e)}\n`);
    }
  }
  return defaultKubernetes({ zones: [parseName(clusterDomain)] });
}
