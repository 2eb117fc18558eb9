// A pod network for tests: a namespace and a veth pair for each pod, on this machine only.
import { createNetns, deleteNetns, netnsExists, openRtnl } from '../../linux/index.ts';
import type { PodNetwork } from '../contract.ts';

export interface TestPodNetwork extends PodNetwork {
  readonly attached: ReadonlyMap<string, string>;
  isReady: boolean;
  /** Takes the name of a pod's namespace away, as somebody with `ip netns delete` does. */
  lose(uid: string): void;
}

export function testPodNetwork(prefix: string): TestPodNetwork {
  const attached = new Map<string, string>();
  const rtnl = openRtnl();
  let last = 1;
  const names = (uid: string) => ({
    netns: `${prefix}-${uid.slice(-8)}`,
    veth: `v${uid.replaceAll('-', '').slice(-12)}`,
  });
  const lossHandlers = new Set<(uid: string) => void>();
  const network: TestPodNetwork = {
    attached,
    isReady: true,
    ready: () => network.isReady,
    problem: () => (network.isReady ? undefined : 'the test holds it back'),
    attach({ uid }) {
      const { netns, veth } = names(uid);
      const ip = attached.get(uid) ?? `10.99.0.${++last}`;
      if (!attached.has(uid)) {
        createNetns(netns);
        rtnl.addLink({ kind: 'veth', name: veth, up: true, peer: { name: 'eth0', netns, up: true } });
        const inside = openRtnl(netns);
        inside.addAddress('eth0', `${ip}/32`);
        inside.setLink('eth0', { up: true });
        inside.replaceRoute({ destination: '10.99.0.1/32', device: 'eth0', scope: 'link' });
        inside.close();
        if (rtnl.addresses({ device: 'lo' }).every((a) => a.address !== '10.99.0.1'))
          rtnl.addAddress('lo', '10.99.0.1/32');
        rtnl.replaceRoute({ destination: `${ip}/32`, device: veth, source: '10.99.0.1' });
        attached.set(uid, ip);
      }
      return Promise.resolve({ netns, ips: [ip] });
    },
    detach(uid) {
      attached.delete(uid);
      rtnl.deleteLink(names(uid).veth);
      if (netnsExists(names(uid).netns)) deleteNetns(names(uid).netns);
      return Promise.resolve();
    },
    health: (uid) => (attached.has(uid) && netnsExists(names(uid).netns) ? 'whole' : 'gone'),
    onLoss(handler) {
      lossHandlers.add(handler);
      return { [Symbol.dispose]: () => void lossHandlers.delete(handler) };
    },
    lose(uid) {
      deleteNetns(names(uid).netns);
      for (const handler of lossHandlers) handler(uid);
    },
    async retain(uids) {
      for (const uid of attached.keys()) if (!uids.has(uid)) await network.detach(uid);
    },
  };
  return network;
}
