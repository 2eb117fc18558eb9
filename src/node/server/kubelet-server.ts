// The agent's HTTPS API: what the API server asks of a node (logs, exec, attach, port-forward) and a little about
// itself. Only clients with a certificate of the cluster's authority get in.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Pod } from '../../api/objects.ts';
import type { Clock } from '../../clock/index.ts';
import type { KubeletTls } from '../contract.ts';
import { https } from '../../http/index.ts';
import { errorText, UserError } from '../../errors/index.ts';
import type { Logger } from '../../log/index.ts';
import type { Container, ContainerRuntime } from '../runtime/contract.ts';
import { findContainer } from '../pod/pod-spec.ts';
import { HttpError } from './http-error.ts';
import { parseLogOptions } from './log-options.ts';
import { sendLog } from './log-reader.ts';
import { upgradeExec } from './remote-command.ts';
import { upgradePortForward } from './port-forward.ts';
import { kubeletMetrics, resourceMetrics, type StartCounters } from './kubelet-metrics.ts';
import { podStats } from './stats.ts';

/** A pod of this node, as far as requests need it. */
export interface ServedPod {
  readonly uid: string;
  readonly pod: Pod;
  readonly ips: readonly string[];
  readonly netns: string | undefined;
}

export interface KubeletServerOptions {
  readonly tls: KubeletTls;
  readonly host: string;
  readonly port: number;
  readonly log: Logger;
  readonly clock: Clock;
  readonly runtime: ContainerRuntime;
  readonly nodeName: string;
  readonly findPod: (namespace: string, name: string) => ServedPod | undefined;
  readonly pods: () => readonly Pod[];
  readonly starts: StartCounters;
}

export interface KubeletServer {
  readonly port: number;
  setServing(pair: { readonly certPem: string; readonly keyPem: string }): void;
  close(): Promise<void>;
}

/** The cluster's authority signs every user's certificate, too: only the API server and administrators may come here. */
export function mayUseNode(commonName: string, organizations: readonly string[]): boolean {
  return commonName === 'kube-apiserver-kubelet-client' || organizations.includes('system:masters');
}

export async function startKubeletServer(o: KubeletServerOptions): Promise<KubeletServer> {
  const server = https.createServer({
    cert: o.tls.certPem,
    key: o.tls.keyPem,
    ca: o.tls.clientCaPem,
    requestCert: true,
    // Refused with an answer rather than in the handshake, so that the caller learns why.
    rejectUnauthorized: false,
  });
  // Also those that have not said anything yet, and what was upgraded.
  const connections = new Set<Duplex>();
  server.on('connection', (socket: Duplex) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  const guard = (req: IncomingMessage): void => {
    const socket = req.socket as TLSSocket;
    if (!socket.authorized) throw new HttpError(401, 'Unauthorized: a client certificate of the cluster is needed');
    const { CN, O } = socket.getPeerCertificate().subject as { CN?: string; O?: string | string[] };
    if (!mayUseNode(CN ?? '', [O ?? []].flat())) {
      throw new HttpError(
        403,
        `Forbidden (user=${CN}, verb=${req.method?.toLowerCase()}, resource=nodes, subresource=proxy)`,
      );
    }
  };
  server.on('request', (req, res) => {
    Promise.try(() => {
      guard(req);
      return serve(o, req, res);
    }).catch((error: unknown) => answerError(o, res, error));
  });
  server.on('upgrade', (req, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    Promise.try(() => {
      guard(req);
      return upgrade(o, req, socket, head);
    }).catch((error: unknown) => {
      const code = error instanceof HttpError ? error.code : 500;
      const text = errorText(error);
      socket.end(
        `HTTP/1.1 ${code} Error\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
      );
    });
  });
  server.on('clientError', (_, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (e: NodeJS.ErrnoException) => {
      const hint =
        e.code === 'EADDRINUSE'
          ? 'another program listens there; is an agent of this node running already?'
          : e.message;
      reject(new UserError(`cannot serve the node's API on ${o.host}:${o.port}: ${hint}`, { cause: e }));
    });
    server.listen(o.port, o.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    setServing: ({ certPem, keyPem }) => server.setSecureContext({ cert: certPem, key: keyPem, ca: o.tls.clientCaPem }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of connections) socket.destroy();
      }),
  };
}

function answerError(o: KubeletServerOptions, res: ServerResponse, error: unknown): void {
  const code = error instanceof HttpError ? error.code : 500;
  if (code === 500) o.log.warn('a request to the node failed', { error });
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const text = `${errorText(error)}\n`;
  res.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' });
  res.end(text);
}

function sendJson(res: ServerResponse, value: unknown): void {
  res.writeHead(200, { 'content-type': 'application/json' });
  res.end(JSON.stringify(value));
}

function sendMetrics(o: KubeletServerOptions, which: string | undefined, res: ServerResponse): void {
  if (which !== undefined && which !== 'resource') throw new HttpError(404, '404 page not found');
  const text = which === 'resource' ? resourceMetrics(o) : kubeletMetrics(o, o.starts);
  res.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
  res.end(text);
}

async function serve(o: KubeletServerOptions, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const url = new URL(req.url ?? '/', 'https://node');
  const parts = url.pathname
    .split('/')
    .filter((p) => p !== '')
    .map(decodeURIComponent);
  switch (parts[0]) {
    case 'healthz':
      res.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
      res.end('ok');
      return;
    case 'pods':
      sendJson(res, { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: o.pods() });
      return;
    case 'stats':
      sendJson(res, podStats(o));
      return;
    case 'metrics':
      sendMetrics(o, parts[1], res);
      return;
    case 'containerLogs':
      await containerLogs(o, parts, url.searchParams, res);
      return;
    case 'exec':
    case 'attach':
    case 'portForward':
      throw new HttpError(400, `unable to upgrade: missing upgrade headers in request: ${req.method} ${url.pathname}`);
    default:
      throw new HttpError(404, '404 page not found');
  }
}

function podOf(o: KubeletServerOptions, parts: readonly string[]): ServedPod {
  const [, namespace = '', name = ''] = parts;
  const found = o.findPod(namespace, name);
  if (found === undefined) throw new HttpError(404, `pod "${name}" not found on node ${o.nodeName}`);
  return found;
}

function attempts(o: KubeletServerOptions, uid: string, name: string): Container[] {
  return o.runtime
    .containers(uid)
    .filter((c) => c.name === name)
    .toSorted((a, b) => a.attempt - b.attempt);
}

async function containerLogs(
  o: KubeletServerOptions,
  parts: readonly string[],
  query: URLSearchParams,
  res: ServerResponse,
): Promise<void> {
  const pod = podOf(o, parts);
  const name = parts[3] ?? '';
  if (findContainer(pod.pod, name) === undefined) {
    throw new HttpError(404, `container ${name} not found in pod ${pod.pod.metadata.name}`);
  }
  let options;
  try {
    options = parseLogOptions(query, o.clock.now());
  } catch (e) {
    throw new HttpError(400, errorText(e));
  }
  const container = attempts(o, pod.uid, name).at(options.previous ? -2 : -1);
  if (container === undefined) {
    const which = options.previous ? 'previous terminated container' : 'container';
    const reason = options.previous
      ? `${which} "${name}" in pod "${pod.pod.metadata.name}" not found`
      : `${which} "${name}" in pod "${pod.pod.metadata.name}" is waiting to start: ${waitingReason(pod.pod, name)}`;
    throw new HttpError(400, reason);
  }
  res.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  res.flushHeaders();
  const source = {
    file: container.logFile,
    onChange: (handler: () => void) => o.runtime.onLog(container.id, handler),
    isOpen: () => o.runtime.container(container.id)?.state === 'running',
  };
  await sendLog(source, options, res);
  res.end();
}

function waitingReason(pod: Pod, name: string): string {
  const all = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  const waiting = all.find((s) => s.name === name)?.state?.waiting;
  return waiting?.message === undefined ? (waiting?.reason ?? 'ContainerCreating') : `${waiting.message}`;
}

async function upgrade(o: KubeletServerOptions, req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const url = new URL(req.url ?? '/', 'https://node');
  const parts = url.pathname
    .split('/')
    .filter((p) => p !== '')
    .map(decodeURIComponent);
  const pod = podOf(o, parts);
  if (parts[0] === 'portForward') {
    await upgradePortForward({
      req,
      socket,
      head,
      netns: pod.netns,
      log: o.log,
      ports: url.searchParams.getAll('port').map(Number),
    });
    return;
  }
  // An older kubelet path has the pod's uid before the container.
  const name = parts.at(-1) ?? '';
  if (parts[0] !== 'exec' && parts[0] !== 'attach') throw new HttpError(404, '404 page not found');
  const container = attempts(o, pod.uid, name).at(-1);
  if (container?.state !== 'running') {
    throw new HttpError(container === undefined ? 404 : 400, `container not found ("${name}")`);
  }
  await upgradeExec({
    req,
    socket,
    head,
    query: url.searchParams,
    log: o.log,
    open: (request) =>
      parts[0] === 'attach' ? o.runtime.attach(container.id, request) : o.runtime.exec(container.id, request),
  });
}
