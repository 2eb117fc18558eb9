// Removes a node for good: its work goes elsewhere, its agent takes its own network away, the others theirs.
import { certificateSigningRequests, isNotFound, nodes, pods, REMOVAL_ANNOTATION, type Node } from '../api/objects.ts';
import type { Client } from '../client/index.ts';
import { UserError } from '../errors/index.ts';
import { parseCsr } from '../pki/index.ts';
import { drainNode, podsOn, setSchedulable, type DrainOptions } from './drain-node.ts';

/** How long an agent that answers may take to clean up. */
const LEAVE_MS = 30_000;
const POLL_MS = 200;

const isReady = (node: Node): boolean =>
  node.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true;

/** @throws UserError */
export async function removeNode(client: Client, name: string, options: DrainOptions): Promise<void> {
  const node = await setSchedulable(client, name, false);
  const { say } = options;
  if (isReady(node)) {
    await drainNode(client, name, options);
    const metadata = { annotations: { [REMOVAL_ANNOTATION]: 'requested' } };
    await client.resource(nodes).patch(name, { metadata }, { type: 'merge' });
    say(`waiting for the agent of ${name} to take its pods and its network away`);
    if (await isGone(client, name)) return finish(client, name, say);
    say(`the agent of ${name} did not leave by itself in ${LEAVE_MS / 1000} s: removing the node without it`);
  } else {
    say(`node ${name} is not Ready: removing it without its agent; what runs there must be ended there`);
  }
  for (const { metadata } of await podsOn(client, name)) {
    const { namespace = '', uid } = metadata;
    await ignoreGone(
      client.resource(pods).delete(metadata.name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } }),
    );
  }
  await ignoreGone(client.resource(nodes).delete(name));
  await finish(client, name, say);
}

/** Requests of the old node would stand in the way of a host that joins under its name. */
async function finish(client: Client, name: string, say: (text: string) => void): Promise<void> {
  const api = client.resource(certificateSigningRequests);
  for (const csr of (await api.list()).items) {
    if (subjectOf(csr.spec.request) === `system:node:${name}`) await ignoreGone(api.delete(csr.metadata.name));
  }
  say(`node ${name} is removed`);
}

function subjectOf(request: string): string | undefined {
  try {
    return parseCsr(Buffer.from(request, 'base64').toString('utf8')).subject.cn;
  } catch {
    return undefined;
  }
}

async function ignoreGone(request: Promise<void>): Promise<void> {
  try {
    await request;
  } catch (e) {
    if (!isNotFound(e)) throw e;
  }
}

async function isGone(client: Client, name: string): Promise<boolean> {
  const deadline = performance.now() + LEAVE_MS;
  while (performance.now() < deadline) {
    try {
      await client.resource(nodes).get(name);
    } catch (e) {
      if (isNotFound(e)) return true;
      throw new UserError(`the server cannot say whether node ${name} is gone: run the command again`, { cause: e });
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return false;
}
