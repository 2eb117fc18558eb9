// A client for any Kubernetes API server over HTTP.
import type { Client, ClientConfig } from './contract.ts';
import { createHttpTransport } from './http-transport.ts';
import type { HttpTransportOptions } from './http-transport.ts';
import { clientOver } from './rest-client.ts';

/** @example createClient(loadKubeconfig('admin.kubeconfig')).resource(services).list({ namespace: 'default' }) */
export function createClient(config: ClientConfig, options: HttpTransportOptions = {}): Client {
  return clientOver(createHttpTransport(config, options));
}
