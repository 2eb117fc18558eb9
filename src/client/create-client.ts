// A client for any Kubernetes API server over HTTP, or for several of one cluster.
import type { Client, ClientConfig } from './contract.ts';
import { createFailoverTransport } from './failover-transport.ts';
import { createHttpTransport } from './http-transport.ts';
import type { HttpTransportOptions } from './http-transport.ts';
import { clientOver } from './rest-client.ts';

/** @example createClient(loadKubeconfig('admin.kubeconfig')).resource(services).list({ namespace: 'default' }) */
export function createClient(config: ClientConfig, options: HttpTransportOptions = {}): Client {
  const { server, others, onServer } = config;
  if (others === undefined) return clientOver(createHttpTransport(config, options));
  return clientOver(
    createFailoverTransport({
      servers: () => [...new Set([server, ...others()])],
      open: (url) => createHttpTransport({ ...config, server: url }, options),
      ...(onServer === undefined ? {} : { onServer }),
    }),
  );
}
