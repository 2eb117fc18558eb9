// A name as the cluster's DNS answers it now, asked from a node or a pod, against what it should be.
import { isIpv6, canonicalIp } from '../ip/index.ts';
import { openRtnl } from '../linux/index.ts';
import { clusterIps } from './cluster-view.ts';
import type { ClusterView } from './cluster-view.ts';
import type { Place } from './contract.ts';
import { buildQuestion, parseAnswer } from './dns-question.ts';
import { prepareUdpProbe } from './probe.ts';

export interface DnsCheck {
  readonly name: string;
  readonly expected: readonly string[];
  readonly answer: string;
  readonly ok: boolean;
}

const DNS_TIMEOUT_MS = 1000;

/** The address pods ask; undefined when the cluster has no DNS. */
export async function clusterDnsServer(view: ClusterView): Promise<string | undefined> {
  const service = await view.service('kube-system', 'kube-dns');
  return service === undefined ? undefined : clusterIps(service)[0];
}

/** Asks for the addresses of one name, each family that is expected; with none expected, for IPv4. */
export async function checkDns(
  from: Place,
  server: string,
  name: string,
  addresses: readonly string[],
): Promise<DnsCheck[]> {
  const families = new Set(addresses.map((address) => (isIpv6(address) ? ('AAAA' as const) : ('A' as const))));
  if (families.size === 0) families.add('A');
  return Promise.all(
    [...families].map(async (type) => {
      const expected = addresses.filter((address) => isIpv6(address) === (type === 'AAAA')).toSorted();
      const source = sourceTo(from, server);
      const probe =
        source === undefined
          ? undefined
          : prepareUdpProbe({ netns: from.netns, source, host: server, port: 53 }, buildQuestion(name, type));
      const outcome = probe === undefined ? undefined : await probe.run(DNS_TIMEOUT_MS);
      const answer =
        outcome?.kind === 'connected' ? parseAnswer(Buffer.from(outcome.answer ?? '', 'latin1')) : undefined;
      const found = (answer?.addresses ?? []).flatMap((address) => canonicalIp(address) ?? []).toSorted();
      const said = answer === undefined ? `no answer from ${server}` : [answer.rcode, ...found].join(' ');
      return { name, expected, answer: said, ok: answer !== undefined && found.join() === expected.join() };
    }),
  );
}

function sourceTo(place: Place, address: string): string | undefined {
  const rtnl = openRtnl(place.netns);
  try {
    return rtnl.routeTo(address)?.source;
  } finally {
    rtnl.close();
  }
}
