// The first contact of a host with a server it cannot trust yet: the authority's certificate is fetched without trust,
// and believed only when the hash of its public key is the one that the administrator gave (kubeadm's discovery).
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

import { CLUSTER_INFO } from '../api/objects.ts';
import { UserError } from '../errors/index.ts';
import { https } from '../http/index.ts';
import { caFingerprint } from '../pki/index.ts';

export interface Discovered {
  /** The one of the given servers that answered. */
  readonly server: string;
  readonly caPem: string;
  /** The address by which this host reaches the server. */
  readonly localAddress: string;
}

/** Certificates are valid from five minutes before they were made. */
const MAX_SKEW_MS = 5 * 60_000;
const TIMEOUT_MS = 10_000;

/**
 * Asks the servers in turn until one answers.
 * @throws UserError that says in one sentence what is wrong and what to do
 */
export async function discoverAuthority(
  servers: readonly string[],
  caHash: string,
  nowMs: number,
): Promise<Discovered> {
  for (const [n, server] of servers.entries()) {
    try {
      return await authorityAt(server, caHash, nowMs);
    } catch (e) {
      if (!(e instanceof Unreachable) || n === servers.length - 1) throw e;
    }
  }
  throw new UserError('--server: name at least one server of the cluster');
}

async function authorityAt(server: string, caHash: string, nowMs: number): Promise<Discovered> {
  const url = parseServerUrl(server);
  if (!/^sha256:[0-9a-f]{64}$/.test(caHash)) {
    throw new UserError(`--ca-hash ${caHash}: write sha256: and 64 hex digits, as 'portico token create' prints it`);
  }
  const { response, body, localAddress } = await fetchInfo(url, server);
  const caPem = authorityOf(body);
  if (caPem === undefined) {
    throw new UserError(
      `${server} answers, but tells nothing about its cluster (HTTP ${response.statusCode}): is it a Portico API server?`,
    );
  }
  const fingerprint = caFingerprint(caPem);
  if (fingerprint !== caHash) {
    throw new UserError(
      `the authority of ${server} is ${fingerprint}, not the one that --ca-hash names: the address or the hash is ` +
        'of another cluster, or somebody answers in its place',
    );
  }
  refuseSkew(response.headers.date, nowMs);
  return { server, caPem, localAddress };
}

/** @throws UserError */
export function parseServerUrl(server: string): URL {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol !== 'https:') throw new UserError(`--server ${server}: write https://ADDRESS:PORT`);
  return url;
}

async function fetchInfo(
  url: URL,
  server: string,
): Promise<{ response: IncomingMessage; body: string; localAddress: string }> {
  const path = `/api/v1/namespaces/kube-public/configmaps/${CLUSTER_INFO}`;
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => reject(unreachable(server, cause));
    const request = https.get(
      {
        hostname: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port === '' ? 443 : Number(url.port),
        path,
        // Nothing that is read here is believed before its hash was compared.
        rejectUnauthorized: false,
        agent: false,
        timeout: TIMEOUT_MS,
      },
      (response) => {
        const localAddress = (response.socket as TLSSocket).localAddress ?? '';
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', fail);
        response.on('end', () => resolve({ response, body: Buffer.concat(chunks).toString('utf8'), localAddress }));
      },
    );
    request.on('timeout', () => request.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)));
    request.on('error', fail);
  });
}

/** Another server of the same cluster may answer. */
export class Unreachable extends UserError {}

export function unreachable(server: string, cause: unknown): UserError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Unreachable(
    `${server} cannot be reached (${why}): check the address, that the server runs, and that no firewall is between`,
    { cause },
  );
}

function authorityOf(body: string): string | undefined {
  try {
    const info = JSON.parse(body) as { data?: { kubeconfig?: string } };
    const config = JSON.parse(info.data?.kubeconfig ?? '') as {
      clusters?: { cluster?: { 'certificate-authority-data'?: string } }[];
    };
    const data = config.clusters?.[0]?.cluster?.['certificate-authority-data'];
    return data === undefined ? undefined : Buffer.from(data, 'base64').toString('utf8');
  } catch {
    return undefined;
  }
}

/** Certificates are judged by the clock: a wrong one shows as a refusal that nobody understands. @throws UserError */
export function refuseSkew(date: string | undefined, nowMs: number): void {
  const theirs = Date.parse(date ?? '');
  if (Number.isNaN(theirs)) return;
  const skew = nowMs - theirs;
  if (Math.abs(skew) <= MAX_SKEW_MS) return;
  const minutes = Math.round(Math.abs(skew) / 60_000);
  throw new UserError(
    `the clock of this host is ${minutes} minutes ${skew > 0 ? 'ahead of' : 'behind'} the server's: ` +
      'certificates would not be valid; set the clock (for example with chrony) and try again',
  );
}
