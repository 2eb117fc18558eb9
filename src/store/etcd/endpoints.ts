// Where etcd is and how to reach it, from what the user wrote: `etcd://a:2379,b:2379`, certificates, a user.
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { errorText, UserError } from '../../errors/index.ts';
import type { GrpcTarget } from '../../grpc/index.ts';

export interface EtcdFiles {
  /** PEM: authorities that signed etcd's certificates; given: TLS. */
  readonly caFile?: string;
  /** PEM: the certificate and key this client shows. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** One line `USER:PASSWORD`, for an etcd with authentication by password. */
  readonly credentialsFile?: string;
}

export interface Endpoint {
  /** HOST:PORT as it is shown to people. */
  readonly name: string;
  readonly target: GrpcTarget;
}

/** Opens the TCP connection, where it is not the ordinary way: from another network namespace, say. */
export type OpenTcp = (host: string, port: number) => Socket;

const DEFAULT_PORT = 2379;

export const isEtcdUrl = (store: string): boolean => /^etcds?:\/\//.test(store);

/** @throws UserError when the text or a file is not what it should be. */
export function endpointsOf(url: string, files: EtcdFiles, open?: OpenTcp): Endpoint[] {
  if ((files.certFile === undefined) !== (files.keyFile === undefined)) {
    throw new UserError('--etcd-certfile and --etcd-keyfile belong together: give both');
  }
  const secure = url.startsWith('etcds:') || files.caFile !== undefined || files.certFile !== undefined;
  const tls = {
    ...(files.caFile === undefined ? {} : { ca: read(files.caFile) }),
    ...(files.certFile === undefined ? {} : { cert: read(files.certFile) }),
    ...(files.keyFile === undefined ? {} : { key: read(files.keyFile) }),
  };
  const hosts = url.replace(/^etcds?:\/\//, '').replace(/\/$/, '');
  return hosts.split(',').map((text) => {
    const match = /^(\[[0-9a-fA-F:.]+\]|[^\s:/@[\]]+)(?::(\d+))?$/.exec(text.trim());
    const [, host = '', port = String(DEFAULT_PORT)] = match ?? [];
    if (host === '' || Number(port) < 1 || Number(port) > 65_535) {
      throw new UserError(`${url}: write etcd://HOST:PORT, more of them separated by commas`);
    }
    const target: GrpcTarget = {
      host: host.replace(/^\[|\]$/g, ''),
      port: Number(port),
      ...(secure ? { tls } : {}),
      ...(open === undefined ? {} : { open }),
    };
    return { name: `${host}:${port}`, target };
  });
}

export interface Credentials {
  readonly name: string;
  readonly password: string;
}

/** @throws UserError */
export function readCredentials(file: string): Credentials {
  const [line = ''] = read(file).split('\n');
  const colon = line.indexOf(':');
  if (colon < 1) throw new UserError(`${file}: write one line USER:PASSWORD`);
  return { name: line.slice(0, colon), password: line.slice(colon + 1).trimEnd() };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new UserError(`${file} cannot be read: ${errorText(cause)}`, { cause });
  }
}
