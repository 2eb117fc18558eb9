// The configuration of a program that runs in a pod: service environment variables and the mounted account.
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import process from 'node:process';
import path from 'node:path';
import { UserError } from '../errors/index.ts';
import type { ClientConfig } from './contract.ts';
import { tokenFromFile } from './token-file.ts';

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface InClusterOptions {
  env?: Readonly<Record<string, string | undefined>>;
  /** Folder with `token` and `ca.crt`. */
  accountDir?: string;
}

export function inClusterConfig(options: InClusterOptions = {}): ClientConfig {
  const env = options.env ?? process.env;
  const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '';
  if (host === '' || port === '') {
    throw new UserError(
      'KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: not in a pod; give a kubeconfig instead',
    );
  }
  const dir = options.accountDir ?? ACCOUNT;
  const caFile = path.join(dir, 'ca.crt');
  let caPem: string;
  try {
    caPem = readFileSync(caFile, 'utf8');
  } catch (cause) {
    throw new UserError(`cannot read the cluster's CA from ${caFile}: does the pod mount its service account?`, {
      cause,
    });
  }
  const token = tokenFromFile(path.join(dir, 'token'));
  token();
  return { server: `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`, caPem, token };
}
