// Where etcd is and how to reach it, from what the user wrote: `etcd://a:2379,b:2379`, certificates, a user.
import { readFileSync } from 'node:fs';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { errorText, UserError } from '../../errors/index.ts';

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
  /** `http://HOST:PORT` or `https://…` */
  readonly authority: string;
  open(): Socket;
}

/** Opens the TCP connection, where it is not the ordinary way: from another network namespace, say. */
export type OpenTcp = (host: string, port: number) => Socket;

const DEFAULT_PORT = 2379;

export const isEtcdUrl = (store: string): boolean => /^etcds?:\/\//.test(store);

/** @throws UserError when the text or a file is not what it should be. */
export function endpointsOf(url: string, files: EtcdFiles, openTcp: OpenTcp = tcp): Endpoint[] {
  const hosts = url.replace(/^etcds?:\/\//, '').replace(/\/$/, '');
  const tls = url.startsWith('etcds:') || files.caFile !== undefined || files.certFile !== undefined;
  if ((files.certFile === undefined) !== (files.keyFile === undefined)) {
    throw new UserError('--etcd-certfile and --etcd-keyfile belong together: give both');
  }
  const pems = tls ? { ca: pem(files.caFile), cert: pem(files.certFile), key: pem(files.keyFile) } : undefined;
  return hosts.split(',').map((text) => {
    const parsed = URL.parse(`http://${text.trim()}`);
    if (parsed === null || parsed.hostname === '' || parsed.pathname !== '/' || parsed.username !== '') {
      throw new UserError(`${url}: write etcd://HOST:PORT, more of them separated by commas`);
    }
    const host = parsed.hostname.replace(/^\[|\]$/g, '');
    const port = parsed.port === '' ? (text.trim().endsWith(':80') ? 80 : DEFAULT_PORT) : Number(parsed.port);
    const name = `${parsed.hostname}:${port}`;
    if (pems === undefined) return { name, authority: `http://${name}`, open: () => openTcp(host, port) };
    const options = {
      ...(pems.ca === undefined ? {} : { ca: pems.ca }),
      ...(pems.cert === undefined ? {} : { cert: pems.cert }),
      ...(pems.key === undefined ? {} : { key: pems.key }),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      host,
      ALPNProtocols: ['h2'],
    };
    return { name, authority: `https://${name}`, open: () => connectTls({ ...options, socket: openTcp(host, port) }) };
  });
}

export interface Credentials {
  readonly name: string;
  readonly password: string;
}

/** @throws UserError */
export function readCredentials(file: string): Credentials {
  const [line = ''] = (pem(file) ?? '').split('\n');
  const colon = line.indexOf(':');
  if (colon < 1) throw new UserError(`${file}: write one line USER:PASSWORD`);
  return { name: line.slice(0, colon), password: line.slice(colon + 1).trimEnd() };
}

function pem(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new UserError(`${file} cannot be read: ${errorText(cause)}`, { cause });
  }
}

function tcp(host: string, port: number): Socket {
  return connectTcp({ host, port });
}
