// One sentence that says how a walk ended and, when it failed, where and why. Pure: judges what was seen, and says so
// when that is not enough to know.
import type { EndpointReached, Hop, Leg, Place, ProbeOutcome, RuleStep, Verdict } from './contract.ts';
import { reasonText } from './drop-watch.ts';
import type { DroppedPacket } from './drop-watch.ts';
import type { MtuTrouble } from './mtu-trouble.ts';
import { formatAddressPort } from './packet.ts';

export interface VerdictInput {
  readonly client: Place;
  readonly destination: string;
  readonly destinationPort: number;
  readonly protocol: 'tcp' | 'udp';
  readonly outcome: ProbeOutcome;
  readonly legs: readonly Leg[];
  readonly endpoint?: EndpointReached;
  /** What the target is called: `Service default/nginx`; undefined for a bare address. */
  readonly targetName?: string;
  /** Usable endpoints of the service; undefined when the target is none. */
  readonly usableEndpoints?: number;
  /** The destination is a service's address, and no endpoint's. */
  readonly isVirtual?: boolean;
  /** Why the node where the packet was last seen does not send it on as it should, when its routing table says so. */
  readonly routeProblem?: string;
  /** Large packets that did not arrive after the connection stood. */
  readonly mtuTrouble?: MtuTrouble;
  /** What the kernel said of the packet where it was last seen. */
  readonly drop?: DroppedPacket;
}

export function judge(input: VerdictInput): Verdict {
  const verdict = judgeLegs(input);
  const { drop } = input;
  if (drop === undefined || verdict.ok) return verdict;
  return { ...verdict, sentence: `${verdict.sentence}; ${reasonText(drop)}`, dropReason: drop.reason };
}

function judgeLegs(input: VerdictInput): Verdict {
  const request = input.legs.find((leg) => leg.name === 'request');
  const reply = input.legs.find((leg) => leg.name === 'reply');
  if (request === undefined || request.hops.length === 0) return stoppedAtHome(input, request) ?? notSent(input);
  const refusal = reply?.hops[0];
  if (refusal !== undefined && (refusal.packet.icmp !== undefined || refusal.packet.flags.includes('R'))) {
    return refused(input, request, refusal);
  }
  if (reply !== undefined && reply.hops.length > 0) return answered(input, request, reply);
  return unanswered(input, request);
}

const placeName = (place: Place): string =>
  place.kind === 'external' ? 'a client outside the cluster' : `${place.kind} ${place.name}`;

function targetOf(input: VerdictInput): string {
  const address = formatAddressPort(input.destination, input.destinationPort);
  return input.targetName === undefined ? address : `${input.targetName} (${address})`;
}

const bad = (code: Verdict['code'], sentence: string): Verdict => ({ ok: false, code, sentence });

function notSent(input: VerdictInput): Verdict {
  const { outcome } = input;
  if (outcome.kind === 'unreachable') {
    return bad('no-route', `${placeName(input.client)} has no route to ${input.destination}: nothing was sent`);
  }
  const why = outcome.kind === 'connected' ? 'the capture saw nothing of the connection' : outcome.message;
  return bad('not-sent', `no packet from ${placeName(input.client)} to ${targetOf(input)} was seen: ${why}`);
}

/** A process on a node meets the node's rules before any device shows its packet. */
function stoppedAtHome(input: VerdictInput, request: Leg | undefined): Verdict | undefined {
  const rule = request?.rulesAfter.find(stopsPacket);
  if (rule === undefined) return undefined;
  const refusal = input.outcome.kind === 'refused' || input.outcome.kind === 'unreachable';
  return refusal
    ? bad(
        'rejected-by-rule',
        `${noEndpoint(input, request)}refused on ${rule.node} by ${formatRule(rule)}${ownership(rule)}`,
      )
    : bad('dropped-by-rule', `dropped on ${rule.node} by ${formatRule(rule)}${ownership(rule)}`);
}

function noEndpoint(input: VerdictInput, request?: Leg): string {
  const name = input.targetName ?? 'the service';
  if (input.usableEndpoints === 0) return `${name} has no ready endpoint: `;
  const count = input.usableEndpoints ?? 0;
  if (count === 0 || request === undefined || isTranslated(request)) return '';
  return `no rule translates ${name}, which has ${count} ready endpoint${count === 1 ? '' : 's'}: `;
}

const isTranslated = (request: Leg): boolean =>
  request.hops.some((hop) => hop.changes.some((change) => change.kind === 'dnat'));

function refused(input: VerdictInput, request: Leg, answer: Hop): Verdict {
  const { icmp } = answer.packet;
  const where = placeName(answer.place);
  const what = icmp === undefined ? 'a TCP reset' : `ICMP "${icmp.text}"`;
  if (icmp?.mtu !== undefined) {
    return bad('mtu', `${where} refused a packet as too big and asked for packets of at most ${icmp.mtu} bytes`);
  }
  const rule = request.rulesAfter.find(stopsPacket);
  if (rule !== undefined) {
    return bad(
      'rejected-by-rule',
      `${noEndpoint(input, request)}refused on ${rule.node} by ${formatRule(rule)}${ownership(rule)}, which answered with ${what}`,
    );
  }
  const reached = request.hops.at(-1);
  const toListener = icmp === undefined || icmp.text === 'port unreachable';
  if (answer.place.kind === 'pod' && toListener) {
    return bad(
      'no-listener',
      `the request reached ${where}, where nothing listens on ${endpointText(reached, input)}: it answered with ${what}`,
    );
  }
  if (answer.place.kind === 'node' && toListener) {
    return bad(
      'no-listener',
      `nothing listens on ${endpointText(reached, input)} on ${where}, and no rule translates it: it answered with ${what}`,
    );
  }
  return bad('no-route', `${where} answered with ${what} from ${answer.packet.source}: it cannot send the request on`);
}

/** `port 8080/tcp (10.244.1.3:8080)`. */
function endpointText(hop: Hop | undefined, input: VerdictInput): string {
  const packet = hop?.packet;
  if (packet === undefined) return `port ${input.destinationPort}/${input.protocol}`;
  return `port ${packet.destinationPort}/${packet.protocol} (${formatAddressPort(packet.destination, packet.destinationPort)})`;
}

function answered(input: VerdictInput, request: Leg, reply: Leg): Verdict {
  const last = reply.hops.at(-1);
  const wanted = formatAddressPort(input.destination, input.destinationPort);
  if (last === undefined || last.place.netns !== input.client.netns) {
    const stopped = reply.rulesAfter.find(stopsPacket);
    if (stopped === undefined && input.routeProblem !== undefined) {
      return bad('no-route', `the request was answered, but ${input.routeProblem}`);
    }
    const why =
      stopped === undefined ? '' : `: dropped on ${stopped.node} by ${formatRule(stopped)}${ownership(stopped)}`;
    return bad(
      'lost',
      `the request was answered, but the reply was last seen ${seenAt(last)} and did not reach ${placeName(input.client)}${why}`,
    );
  }
  const from = formatAddressPort(last.packet.source, last.packet.sourcePort);
  if (from !== wanted && !reply.changesAfter.some((change) => change.kind === 'un-dnat')) {
    return bad(
      'asymmetric-return',
      `the reply came back from ${from} instead of ${wanted}: it went past the node that translated the request, so nothing translated it back`,
    );
  }
  if (input.outcome.kind !== 'connected' && input.mtuTrouble !== undefined) {
    return bad('mtu', mtuSentence(input.mtuTrouble));
  }
  if (input.outcome.kind !== 'connected') {
    return bad('no-reply', `the first reply came back, and then: ${input.outcome.message}`);
  }
  return { ok: true, code: 'ok', sentence: successSentence(input, request) };
}

function mtuSentence({ sender, length, times, lastSeen, next, asked }: MtuTrouble): string {
  const device = `${placeName(lastSeen.place)}, ${lastSeen.device}`;
  const mtu =
    next === undefined
      ? lastSeen.mtu === undefined
        ? ''
        : `, whose MTU is ${lastSeen.mtu}`
      : `, and too big for ${next.device}, whose MTU is ${next.mtu}`;
  const icmp =
    asked === undefined
      ? 'no ICMP message asked for smaller ones'
      : `${asked.by} asked for packets of at most ${asked.mtu} bytes${asked.arrived ? ', and they did not get smaller' : `, and that did not reach ${placeName(sender)}`}`;
  return (
    `the connection stood, but packets of ${length} bytes from ${placeName(sender)} got lost: sent ${times} times, ` +
    `last seen on ${device} (${lastSeen.direction})${mtu}; ${icmp}`
  );
}

function successSentence(input: VerdictInput, request: Leg): string {
  const { endpoint, outcome } = input;
  // On a node the translation is done before the first device.
  const translated = request.hops.flatMap((hop) =>
    hop.changes.filter((change) => change.kind === 'dnat').map(() => hop.place.name),
  )[0];
  const masqueraded = request.hops.some((hop) => hop.changes.some((change) => change.kind === 'snat'));
  const parts = [`${placeName(input.client)} reached ${targetOf(input)}`];
  if (endpoint !== undefined) {
    const name = endpoint.place === undefined ? '' : `${placeName(endpoint.place)} `;
    const node = endpoint.node === undefined ? '' : ` on ${endpoint.node}`;
    const outOf =
      endpoint.outOf === undefined
        ? ''
        : `, ${endpoint.ready === false ? 'which is not ready, while' : '1 of'} ${endpoint.outOf} endpoint${endpoint.outOf === 1 ? '' : 's'}${endpoint.ready === false ? ' are' : ''}${choiceText(endpoint)}`;
    parts.push(`${name}${formatAddressPort(endpoint.address, endpoint.port)}${node} answered${outOf}`);
  }
  if (translated !== undefined) {
    parts.push(
      `${translated} translated the address${masqueraded ? ', gave the packet its own as source,' : ''} and undid it for the reply`,
    );
  }
  return `${parts.join('; ')}; ${outcome.ms.toFixed(1)} ms`;
}

/** `, chosen with probability 0.333`. */
function choiceText({ probability, chosenBy }: EndpointReached): string {
  if (probability === undefined || chosenBy === 'only') return '';
  if (chosenBy === 'affinity') return ', kept from an earlier connection (session affinity)';
  return `, chosen with probability ${Number(probability.toPrecision(3))}`;
}

function unanswered(input: VerdictInput, request: Leg): Verdict {
  const stopped = request.rulesAfter.find(stopsPacket);
  if (stopped !== undefined)
    return bad('dropped-by-rule', `dropped on ${stopped.node} by ${formatRule(stopped)}${ownership(stopped)}`);
  const last = request.hops.at(-1);
  if (
    last !== undefined &&
    last.direction === 'in' &&
    last.place.kind === 'pod' &&
    last.place.netns !== input.client.netns
  ) {
    return bad(
      'no-reply',
      `the request reached ${placeName(last.place)} at ${endpointText(last, input)}, which sent no answer`,
    );
  }
  if (
    last !== undefined &&
    last.direction === 'in' &&
    last.place.netns === input.client.netns &&
    request.hops.length > 1
  ) {
    return bad('no-reply', `the request came back to ${placeName(last.place)} itself and got no answer`);
  }
  if (last?.direction === 'out' && last.place.kind === 'node' && input.isVirtual === true && !isTranslated(request)) {
    const count = input.usableEndpoints ?? 0;
    return bad(
      'not-translated',
      `no rule on ${last.place.name} translated ${targetOf(input)}, which has ${count} ready endpoint${count === 1 ? '' : 's'}: ` +
        `the request left by ${last.device} with the virtual address, which leads nowhere`,
    );
  }
  if (input.routeProblem !== undefined) return bad('no-route', input.routeProblem);
  const where =
    last?.direction === 'out'
      ? 'it left there and arrived nowhere else that was watched'
      : 'it arrived there and did not leave';
  return bad('lost', `the request was last seen ${seenAt(last)}: ${where}`);
}

function seenAt(hop: Hop | undefined): string {
  if (hop === undefined) return 'nowhere';
  const address = formatAddressPort(hop.packet.destination, hop.packet.destinationPort);
  return `on ${placeName(hop.place)}, ${hop.device} (${hop.direction}), on its way to ${address}`;
}

/** Whether a packet goes no further after this step. */
export function stopsPacket(step: RuleStep): boolean {
  if (/^(jump|goto) /.test(step.verdict)) return false;
  if (/^(policy )?drop$/.test(step.verdict)) return true;
  const statements = (step.text ?? '').replaceAll(/"[^"]*"/g, '').split(' ');
  return statements.some((word) => /^(drop|reject)$/i.test(word));
}

/** Whether a rule is the service proxy's or the pod network's is worth knowing when it is not. */
function ownership(step: RuleStep): string {
  const ours = step.table.startsWith('portico') || /KUBE-/.test(`${step.chain} ${step.text ?? ''}`);
  return ours ? '' : ', a rule that is not of the service proxy';
}

/** `ip filter KUBE-SERVICES: -A KUBE-SERVICES … -j REJECT`. */
export function formatRule(step: RuleStep): string {
  const source = step.readBack === true ? ' (read back from iptables-legacy-save)' : '';
  return `${step.family} ${step.table} ${step.chain}: ${step.text ?? step.verdict}${source}`;
}
