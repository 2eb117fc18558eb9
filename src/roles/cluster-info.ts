// What a host needs to join: who the cluster's authority is (public, as kubeadm keeps it in kube-public/cluster-info),
// and the settings that every node agent shares (for those who hold a token, and for nodes).
import { AGENT_SETTINGS, CLUSTER_INFO, configMaps, isAlreadyExists } from '../api/objects.ts';
import type { Client } from '../client/index.ts';
import type { ClusterSettings } from '../join/index.ts';

export interface ClusterInfo {
  /** `https://host:port` that hosts reach. */
  readonly server: string;
  readonly caPem: string;
  readonly settings: ClusterSettings;
}

async function keep(client: Client, namespace: string, name: string, data: Record<string, string>): Promise<void> {
  const api = client.resource(configMaps);
  try {
    const metadata = { name, namespace };
    await api.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data }, { namespace, fieldManager: 'portico' });
  } catch (e) {
    if (!isAlreadyExists(e)) throw e;
    await api.patch(name, { data }, { type: 'merge', namespace, fieldManager: 'portico' });
  }
}

/** Writes both; who reads them is the server's first roles' affair. */
export async function applyClusterInfo(client: Client, info: ClusterInfo): Promise<void> {
  const authority = { server: info.server, 'certificate-authority-data': Buffer.from(info.caPem).toString('base64') };
  const kubeconfig = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: '', cluster: authority }],
    contexts: [],
    users: [],
    'current-context': '',
  });
  await Promise.all([
    keep(client, 'kube-public', CLUSTER_INFO, { kubeconfig }),
    keep(client, 'kube-system', AGENT_SETTINGS, { settings: JSON.stringify(info.settings) }),
  ]);
}
