// Asks every peer now and then whether packets of pods come through: an echo from this node's end of the pod network to
// the peer's, once small and once as large as pods may send. The kernels answer; no agent needs to run there.
import { errorText } from '../errors/index.ts';
import { connectTcpIn, echo } from '../linux/index.ts';
import type { Logger } from '../log/index.ts';
import type { PeersState } from './contract.ts';
import { peersState, peerTrouble, type OwnEnd, type PeerAnswers, type PeerTrouble } from './peer-trouble.ts';
import type { PlannedPeer } from './plan.ts';

export interface PeerCheckOptions {
  readonly netns?: string | undefined;
  readonly log: Logger;
  readonly onChange: () => void;
  /** Between two rounds, while all is well and while something is not. @default 30000 and 5000 */
  readonly everyMs?: number;
  readonly againMs?: number;
  /** How long a reply may take; each question is asked three times. @default 1000 */
  readonly waitMs?: number;
}

export interface CheckedNetwork {
  readonly own: OwnEnd;
  /** This node's own address in the pod network. */
  readonly source: string;
  readonly peers: readonly PlannedPeer[];
}

export interface PeerCheck {
  /** What stands from now on; new peers are asked soon. */
  networkIs(network: CheckedNetwork | undefined): void;
  /** Undefined until somebody was asked. Trouble counts when it was found in two rounds in a row. */
  state(): PeersState | undefined;
  stop(): void;
}

const TRIES = 3;
const AT_A_TIME = 16;
/** A peer that has just been planned may be planning too. */
const SETTLE_MS = 2000;
/** Every agent listens there; a refusal is an answer too. */
const AGENT_PORT = 10250;

export function startPeerCheck(options: PeerCheckOptions): PeerCheck {
  const { netns, log, onChange, everyMs = 30_000, againMs = 5000, waitMs = 1000 } = options;
  let network: CheckedNetwork | undefined;
  let suspects: readonly PeerTrouble[] = [];
  let troubles: readonly PeerTrouble[] = [];
  let timer: NodeJS.Timeout | undefined;
  let running = false;
  let asked = false;
  let stopped = false;

  const plan = (ms: number) => {
    clearTimeout(timer);
    if (!stopped && !running) timer = setTimeout(() => void round(), ms).unref();
  };

  const someReply = async (to: string, from?: string, bytes?: number): Promise<boolean> => {
    for (let i = 0; i < TRIES; i++) {
      const more = { ...(from === undefined ? {} : { from }), ...(bytes === undefined ? {} : { bytes }) };
      if (await echo({ netns, to, timeoutMs: waitMs, ...more })) return true;
      if (stopped) return false;
    }
    return false;
  };

  /** A firewall may swallow echoes and let the ports pass that the cluster needs. */
  const answersTcp = (host: string): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connectTcpIn(netns, { host, port: AGENT_PORT });
      const end = (answered: boolean) => {
        clearTimeout(late);
        socket.destroy();
        resolve(answered);
      };
      const late = setTimeout(() => end(false), 2 * waitMs);
      socket.once('connect', () => end(true));
      socket.once('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED'));
    });

  const ask = async (peer: PlannedPeer, { source, own }: CheckedNetwork): Promise<PeerAnswers> => {
    if (await someReply(peer.gateway, source)) {
      return { small: true, large: await someReply(peer.gateway, source, own.podMtu), host: true };
    }
    if (await answersTcp(peer.gateway)) return { small: true, large: true, host: true };
    const host = (await someReply(peer.ip)) || (await answersTcp(peer.ip));
    return { small: false, large: false, host };
  };

  const round = async () => {
    running = true;
    const current = network;
    let found: readonly PeerTrouble[] = [];
    try {
      found = await askAll(current);
    } catch (error) {
      if (!stopped) log.warn('the way to other nodes could not be tried; trying again', { error: errorText(error) });
    }
    running = false;
    if (stopped) return;
    // Once may be a host that starts, or a packet lost in a storm.
    const before = new Set(suspects.map((s) => s.message));
    const sure = found.filter((trouble) => before.has(trouble.message));
    suspects = found;
    const wasAsked = asked;
    asked = (current?.peers.length ?? 0) > 0;
    if (tell(sure) || wasAsked !== asked) onChange();
    plan(current !== network ? SETTLE_MS : found.length > 0 ? againMs : everyMs);
  };

  const askAll = async (current: CheckedNetwork | undefined): Promise<readonly PeerTrouble[]> => {
    const found: PeerTrouble[] = [];
    const waiting = [...(current?.peers ?? [])];
    const work = async () => {
      for (let peer = waiting.shift(); peer !== undefined && current !== undefined; peer = waiting.shift()) {
        const trouble = peerTrouble(peer, await ask(peer, current), current.own);
        if (trouble !== undefined) found.push(trouble);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
    return found.toSorted((x, y) => (x.node < y.node ? -1 : 1));
  };

  /** True when there is something new. */
  const tell = (next: readonly PeerTrouble[]): boolean => {
    const old = new Set(troubles.map((t) => t.message));
    const now = new Set(next.map((t) => t.message));
    const news = next.filter((t) => !old.has(t.message));
    const over = troubles.filter((t) => !now.has(t.message));
    troubles = next;
    for (const { message, node } of news) log.warn(message, { peer: node });
    for (const { node } of over) log.info('packets to the pods of this node pass again', { peer: node });
    return news.length > 0 || over.length > 0;
  };

  return {
    networkIs(next) {
      if (JSON.stringify(next) === JSON.stringify(network)) return;
      network = next;
      plan(Math.min(SETTLE_MS, everyMs));
    },
    state: () => (asked ? peersState(troubles) : undefined),
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
