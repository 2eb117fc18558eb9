// The few translations that the pod network needs beside routing: host ports of pods, and (if asked for) the node's
// address for pods that talk to the world outside. Pure: text for `nft -f`, one table a family, all of it ours.
import { isIpv6 } from '../ip/index.ts';
import type { HostPort } from './contract.ts';

export const RULES_TABLE = 'portico-podnet';

export interface NodeRulesInput {
  readonly pods: readonly { readonly ips: readonly string[]; readonly hostPorts: readonly HostPort[] }[];
  /** Absent: pods keep their addresses wherever they go. */
  readonly masquerade?: {
    /** Pod CIDRs of this node. */
    readonly podCidrs: readonly string[];
    /** Destinations that see the pods' own addresses: the cluster's pods, services and nodes. */
    readonly inside: readonly string[];
  };
}

export interface FamilyRules {
  readonly family: 'ip' | 'ip6';
  /** The whole table; undefined when the family needs none. */
  readonly text: string | undefined;
}

export function planNodeRules(input: NodeRulesInput): FamilyRules[] {
  return [planFamily(input, false), planFamily(input, true)];
}

function planFamily(input: NodeRulesInput, v6: boolean): FamilyRules {
  const family = v6 ? 'ip6' : 'ip';
  const own = (text: string) => isIpv6(text.split('/')[0] ?? '') === v6;
  const translations: string[] = [];
  const hairpins: string[] = [];
  for (const pod of input.pods) {
    const ip = pod.ips.find(own);
    if (ip === undefined || pod.hostPorts.length === 0) continue;
    for (const port of pod.hostPorts) {
      if (port.hostIp !== '' && !own(port.hostIp)) continue;
      // The loopback address cannot be left by a packet that carries it as its source.
      const at =
        port.hostIp === ''
          ? `fib daddr type local ${family} daddr != ${v6 ? '::1' : '127.0.0.0/8'}`
          : `${family} daddr ${port.hostIp}`;
      const to = v6 ? `[${ip}]:${port.containerPort}` : `${ip}:${port.containerPort}`;
      translations.push(`${at} ${port.protocol.toLowerCase()} dport ${port.hostPort} dnat to ${to}`);
    }
    // A pod that reaches itself through its host port would answer itself directly, past the translation.
    hairpins.push(`${family} saddr ${ip} ${family} daddr ${ip} ct status dnat masquerade`);
  }
  const egress = planEgress(input, family, own);
  if (translations.length === 0 && egress.length === 0) return { family, text: undefined };
  const block = (name: string, lines: readonly string[]) =>
    `\tchain ${name} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`;
  const text = [
    `table ${family} ${RULES_TABLE} {\n`,
    block('host-ports', translations),
    // Before the service proxy, whose node ports lie in another range.
    block('prerouting', ['type nat hook prerouting priority -105; policy accept;', 'jump host-ports']),
    block('output', ['type nat hook output priority -105; policy accept;', 'jump host-ports']),
    block('postrouting', ['type nat hook postrouting priority 95; policy accept;', ...hairpins, ...egress]),
    '}\n',
  ].join('');
  return { family, text };
}

function planEgress({ masquerade }: NodeRulesInput, family: 'ip' | 'ip6', own: (text: string) => boolean): string[] {
  const sources = masquerade?.podCidrs.filter(own) ?? [];
  if (masquerade === undefined || sources.length === 0) return [];
  const inside = [...masquerade.inside.filter(own), family === 'ip' ? '224.0.0.0/4' : 'ff00::/8'];
  return [
    `${family} saddr { ${sources.join(', ')} } ${family} daddr != { ${inside.join(', ')} } masquerade fully-random`,
  ];
}

/** Replaces the table as a whole, or removes it, whether or not it is there. */
export function nodeRulesInput({ family, text }: FamilyRules): string {
  return `table ${family} ${RULES_TABLE} {}\ndelete table ${family} ${RULES_TABLE}\n${text ?? ''}`;
}
