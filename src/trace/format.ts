// A walk as text for a terminal. Pure.
import type { Change, Hop, Leg, Place, RuleStep, TrackedConnection, Walk } from './contract.ts';
import { formatAddressPort, tupleKey } from './packet.ts';
import { formatRule } from './verdict.ts';

const CHANGE_NAMES: Readonly<Record<'dnat' | 'un-dnat' | 'snat' | 'un-snat', string>> = {
  dnat: 'DNAT',
  'un-dnat': 'un-DNAT',
  snat: 'SNAT',
  'un-snat': 'un-SNAT',
};

/** One line a hop, the rules between them, what was tracked, and the verdict. */
export function formatWalk(walk: Walk): string {
  const client = formatAddressPort(walk.source, walk.sourcePort);
  const server = formatAddressPort(walk.destination, walk.destinationPort);
  const hops = walk.legs.flatMap((leg) => leg.hops);
  const width = Math.max(0, ...hops.map((hop) => placeText(hop.place).length));
  const devices = Math.max(0, ...hops.map((hop) => hop.device.length));
  let n = 0;
  const legLines = (leg: Leg) => [
    leg.name,
    ...leg.hops.flatMap((hop) => {
      n += 1;
      return [
        ...essentialRules(hop.rules).map((rule) => `${' '.repeat(17)}| ${formatRule(rule)}`),
        `${String(n).padStart(3)} ${time(hop.atUs)} ${placeText(hop.place).padEnd(width)} ${hop.device.padEnd(devices)} ${hopText(hop)}`.trimEnd(),
      ];
    }),
    ...(leg.changesAfter.length === 0
      ? []
      : [
          `${' '.repeat(17)}| then, inside the node: ${leg.changesAfter.flatMap((c) => changeText(c) ?? []).join(', ')}`,
        ]),
    ...essentialRules(leg.rulesAfter).map((rule) => `${' '.repeat(17)}| ${rule.node}: ${formatRule(rule)}`),
  ];
  return [
    // Without a route there is no address to send from.
    `${walk.protocol} ${walk.source === '' ? '' : `${client} > `}${server} from ${placeText(walk.client)}`,
    ...walk.legs.flatMap(legLines),
    ...(walk.tracked.length === 0 ? [] : ['connection tracking', ...walk.tracked.map(trackedText)]),
    ...walk.notes.map((note) => `note: ${note}`),
    `${walk.verdict.ok ? 'OK' : 'FAILED'}: ${walk.verdict.sentence}`,
  ].join('\n');
}

/**
 * The rules that did something, and the jumps that led to them. A jump into a chain where nothing matched, and a
 * return, change nothing for the packet.
 */
export function essentialRules(steps: readonly RuleStep[]): RuleStep[] {
  const kept: RuleStep[] = [];
  // From the end: a jump matters when a rule of its target that was kept follows.
  for (const step of steps.toReversed()) {
    const target = /^(?:jump|goto) (\S+)$/.exec(step.verdict)?.[1];
    const matters =
      target === undefined
        ? step.verdict !== 'return'
        : kept.some(
            (k) => k.chain === target && k.table === step.table && k.family === step.family && k.node === step.node,
          );
    if (matters) kept.push(step);
  }
  return kept.toReversed();
}

const time = (us: number) => `${us.toFixed(1).padStart(10)}us`;

function placeText(place: Place): string {
  return place.kind === 'pod' ? `pod ${place.name}` : place.name;
}

function hopText(hop: Hop): string {
  const { packet } = hop;
  const from = formatAddressPort(packet.source, packet.sourcePort);
  const to = formatAddressPort(packet.destination, packet.destinationPort);
  const arrow = hop.direction === 'out' ? '->' : '<-';
  const what =
    packet.icmp === undefined ? (packet.flags === '' ? '' : ` [${packet.flags}]`) : ` ICMP ${packet.icmp.text}`;
  const addresses = packet.icmp === undefined ? `${from} > ${to}` : `${packet.source} > ${packet.destination}`;
  const mtu = hop.mtu === undefined ? '' : ` mtu ${hop.mtu}`;
  const inside =
    hop.envelope === undefined
      ? ''
      : `  VXLAN ${hop.envelope.source}->${hop.envelope.destination} vni ${hop.envelope.vni}`;
  const changes = hop.changes.flatMap((change) => changeText(change) ?? []).map((text) => `  ${text}`);
  return `${arrow} ${addresses}${what} ttl ${packet.ttl}${mtu}${inside}${changes.join('')}`;
}

/** The envelope is shown on every hop that has it, so its coming and going need no words of their own. */
export function changeText(change: Change): string | undefined {
  if (change.kind === 'encapsulated' || change.kind === 'decapsulated') return undefined;
  return `${CHANGE_NAMES[change.kind]} ${change.from} -> ${change.to}`;
}

function trackedText(entry: TrackedConnection): string {
  const state = entry.state === undefined ? '' : ` ${entry.state}`;
  return `  ${entry.node}: ${tupleKey(entry.original)}  reply ${tupleKey(entry.reply).replace(/^\S+ /, '')}${state}`;
}
