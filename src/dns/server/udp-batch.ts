// The UDP edge with one system call for many packets each way: twice the queries on a core, for 3 MB and 40 ms at the start
// (the system call layer is loaded).
import { isIPv6 } from 'node:net';
import { openUdpBatch, openUdpSocketIn, udpPeerAddress } from '../../linux/index.ts';
import type { UdpPeer } from '../../linux/index.ts';
import type { ClientAddress, Responder } from './responder.ts';
import type { UdpListener, UdpOptions } from './udp.ts';

/** Who asked; the address is read from the kernel's form only when something needs it. */
class BatchClient implements ClientAddress {
  readonly family: 'IPv4' | 'IPv6';
  readonly #peer: UdpPeer;

  constructor(peer: UdpPeer, family: 'IPv4' | 'IPv6') {
    this.#peer = peer;
    this.family = family;
  }

  get address(): string {
    return udpPeerAddress(this.#peer).address;
  }

  get port(): number {
    return udpPeerAddress(this.#peer).port;
  }
}

export function listenUdpBatch(responder: Responder, options: UdpOptions): Promise<UdpListener> {
  const { address, port, reusePort } = options;
  const family = isIPv6(address) ? 'IPv6' : 'IPv4';
  const fd = openUdpSocketIn(undefined, { address, port, reusePort });
  let open = true;
  let current: UdpPeer = new Uint8Array();
  const later = () => {
    const peer = Uint8Array.from(current);
    return {
      client: { ...udpPeerAddress(peer), family } satisfies ClientAddress,
      send: (bytes: Uint8Array) => {
        if (open) batch.send(bytes, peer);
      },
    };
  };
  const batch = openUdpBatch(
    fd,
    (bytes, peer) => {
      current = peer;
      const length = responder.handle(bytes, bytes.length, 'udp', new BatchClient(peer, family), later);
      if (length > 0) batch.send(responder.out.subarray(0, length), peer);
    },
    { slots: 64 },
  );
  return Promise.resolve({
    port: batch.port,
    close: () => {
      open = false;
      batch.close();
      return Promise.resolve();
    },
  });
}
