// What administrators must know of the proxy, as Events on the Node and on Services.
import { createEventRecorder, type Client } from '../client/index.ts';
import type { Family, ServiceKey } from './contract.ts';

export interface ProxyEvents {
  starting(mode: string): void;
  rulesRefused(family: Family): void;
  healthCheckFailed(service: ServiceKey, port: number, error: Error): void;
  stop(): void;
}

export function createProxyEvents(client: Client, nodeName: string): ProxyEvents {
  const recorder = createEventRecorder(client, { component: 'kube-proxy', host: nodeName });
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: nodeName, uid: nodeName } };
  return {
    starting: (mode) => recorder.event(node, 'Normal', 'Starting', `the service proxy starts in mode ${mode}`),
    rulesRefused(family) {
      const text = `the kernel refused the ${family} rules; the old ones stay and it is tried again`;
      recorder.event(node, 'Warning', 'FailedToProgramServices', text);
    },
    healthCheckFailed(service, port, error) {
      const [namespace = '', name = ''] = service.split('/');
      const subject = { apiVersion: 'v1', kind: 'Service', metadata: { namespace, name } };
      const text = `node ${nodeName} failed to start healthcheck on port ${port}: ${error.message}`;
      recorder.event(subject, 'Warning', 'FailedToStartServiceHealthcheck', text);
    },
    stop: () => recorder.stop(),
  };
}
