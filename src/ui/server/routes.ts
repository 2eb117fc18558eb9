// What the page asks of the server, one function a path.
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Client } from '../../client/index.ts';
import { UserError } from '../../errors/index.ts';
import { traceConnection, tracePcapng } from '../../trace/index.ts';
import type { TraceEnvironment } from '../../trace/index.ts';
import type { ClusterFacts, ShareSample, TraceAnswer } from '../contract.ts';
import { diffTopology, EMPTY_TOPOLOGY } from '../topology-change.ts';
import { openEventStream } from './event-stream.ts';
import { KeptCaptures } from './kept-captures.ts';
import { readNodePage, readPodPage } from './object-page.ts';
import { readServicePage } from './service-page.ts';
import { serviceDoors, watchShares } from './shares.ts';
import type { TopologySource } from './topology-source.ts';
import { parseTraceOrder } from './trace-order.ts';

const KEPT_CAPTURES = 32;
const TRACES_AT_ONCE = 8;
const LONGEST_BODY = 16 * 1024;
const SAMPLE_MS = 500;

export interface RouteOptions {
  readonly client: Client;
  readonly environment: TraceEnvironment;
  readonly cluster: string;
  readonly namespace: string;
  readonly topology: TopologySource;
}

/** Answers the request, or resolves with false when no path is that of the request. */
export type Routes = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<boolean>;

export function createRoutes(options: RouteOptions): Routes {
  const { client, environment, topology } = options;
  const captures = new KeptCaptures(KEPT_CAPTURES);
  let traces = 0;

  const facts = (): ClusterFacts => ({
    cluster: options.cluster,
    clusterDomain: environment.clusterDomain,
    namespace: options.namespace,
    external: environment.externalNetns() !== undefined,
  });

  const streamTopology = (response: ServerResponse) => {
    const stream = openEventStream(response, () => listening[Symbol.dispose]());
    const listening = topology.onChange((change) => stream.send('change', change));
    stream.send('begin', diffTopology(EMPTY_TOPOLOGY, topology.current) ?? {});
  };

  const streamShares = (response: ServerResponse, key: string) => {
    if (topology.current.services[key] === undefined) throw new UserError(`there is no Service ${key}`);
    const netns = Object.keys(topology.current.nodes).flatMap((node) => environment.nodeNetns(node) ?? []);
    // Asked anew for each connection, computed anew only when the Service or a node is another one.
    let made: { service: unknown; nodes: number; doors: Set<string> } | undefined;
    const doors = () => {
      const { services, nodes } = topology.current;
      const service = services[key];
      const count = Object.keys(nodes).length;
      if (made?.service !== service || made?.nodes !== count) {
        made = { service, nodes: count, doors: serviceDoors(service, topology.current) };
      }
      return made.doors;
    };
    const watch = watchShares(netns, doors);
    const began = performance.now();
    const sample = (): ShareSample => ({
      at: Math.round(performance.now() - began) / 1000,
      counts: watch.counts,
      lossy: watch.lossy,
    });
    const stream = openEventStream(response, () => {
      clearInterval(timer);
      watch[Symbol.dispose]();
    });
    const timer = setInterval(() => stream.send('sample', sample()), SAMPLE_MS);
    stream.send('sample', sample());
  };

  const trace = async (request: IncomingMessage, response: ServerResponse) => {
    const order = parseTraceOrder(await readBody(request));
    if (traces >= TRACES_AT_ONCE) throw new UserError(`${traces} traces run already: wait for one to end`);
    const left = new AbortController();
    response.once('close', () => left.abort());
    traces += 1;
    try {
      const { timeoutSeconds, ...asked } = order;
      const { report, frames } = await traceConnection({
        namespace: options.namespace,
        ...asked,
        ...(timeoutSeconds === undefined ? {} : { timeoutMs: timeoutSeconds * 1000 }),
        client,
        environment,
        signal: left.signal,
      });
      const answer: TraceAnswer = { id: captures.keep(tracePcapng(frames, report)), report };
      sendJson(response, answer);
    } finally {
      traces -= 1;
    }
  };

  return async (request, response, url) => {
    const path = url.pathname;
    if (request.method === 'POST') {
      if (path !== '/api/trace') return false;
      await trace(request, response);
      return true;
    }
    if (request.method !== 'GET') return false;
    const capture = captures.get(/^\/api\/trace\/([\w-]+)\.pcapng$/.exec(path)?.[1] ?? '');
    const inspected = /^\/api\/inspect\/(service|pod)\/([^/]+)\/([^/]+)$/.exec(path);
    const node = /^\/api\/inspect\/node\/([^/]+)$/.exec(path)?.[1];
    const nodes = Object.keys(topology.current.nodes).toSorted();
    if (path === '/api/cluster') sendJson(response, facts());
    else if (path === '/api/topology') streamTopology(response);
    else if (path === '/api/shares') streamShares(response, url.searchParams.get('service') ?? '');
    else if (capture !== undefined) {
      response.setHeader('content-disposition', 'attachment; filename="portico-trace.pcapng"');
      response.writeHead(200, { 'content-type': 'application/x-pcapng', 'cache-control': 'no-store' }).end(capture);
    } else if (inspected !== null) {
      const [, kind, namespace = '', name = ''] = inspected.map(decodeURIComponent);
      const read = kind === 'pod' ? readPodPage : readServicePage;
      sendJson(response, await read({ client, environment, namespace, name, nodes }));
    } else if (node !== undefined) {
      const name = decodeURIComponent(node);
      sendJson(response, await readNodePage({ client, environment, namespace: options.namespace, name, nodes }));
    } else return false;
    return true;
  };
}

function sendJson(response: ServerResponse, value: unknown): void {
  response
    .writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(JSON.stringify(value));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LONGEST_BODY) throw new UserError(`the body is longer than ${LONGEST_BODY} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
