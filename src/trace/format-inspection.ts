// Inspections of pods and nodes as text for a terminal. Pure.
import type { DnsCheck } from './dns-check.ts';
import type { NodeInspection } from './inspect-node.ts';
import type { PodInspection } from './inspect-pod.ts';
import type { NetworkCheck } from './network-checks.ts';
import type { DeviceCounters } from './network-held.ts';
import type { InspectedRule } from './service-rules.ts';

export const mark = (ok: boolean): string => (ok ? 'ok   ' : 'DRIFT');

export function networkLines(checks: readonly NetworkCheck[]): string[] {
  return checks.flatMap((check) => {
    const wanted = check.ok ? '' : ` (expected ${check.expected})`;
    const line = `  ${mark(check.ok)} ${check.where} ${check.layer} ${check.what}: ${check.found}${wanted}`;
    return check.ok ? [line] : [line, `        see: ${check.command}`];
  });
}

export function dnsLines(checks: readonly DnsCheck[]): string[] {
  return checks.map((d) => {
    const wanted = d.ok ? '' : ` (expected ${d.expected.join(' ') || 'none'})`;
    return `  ${mark(d.ok)} ${d.name}: ${d.answer}${wanted}`;
  });
}

export function ruleLines(rules: readonly InspectedRule[]): string[] {
  return rules.flatMap((r) => [
    `  ${mark(r.ok)} ${r.node} ${r.address} (${r.mode}): ${r.found}${connectionText(r.connections)}`,
    ...r.problems.map((problem) => `        ${problem}`),
    ...(r.ok ? [] : [`        see: ${r.command}`]),
  ]);
}

function connectionText(connections: Readonly<Record<string, number>>): string {
  const parts = Object.entries(connections).map(([endpoint, n]) => `${endpoint} ${n}`);
  return parts.length === 0 ? '' : `; connections now: ${parts.join(', ')}`;
}

export function closingLines(inspection: {
  readonly events: readonly string[];
  readonly notes: readonly string[];
}): string[] {
  const { events, notes } = inspection;
  return [
    ...(events.length === 0 ? [] : ['events', ...events.map((event) => `  ${event}`)]),
    ...notes.map((note) => `note: ${note}`),
  ];
}

function counterText(name: string, c: DeviceCounters): string {
  const drops = c.receivedDrops + c.sentDrops === 0 ? '' : `, dropped ${c.receivedDrops} in and ${c.sentDrops} out`;
  return `  ${name}: ${c.receivedPackets} packets in, ${c.sentPackets} out${drops}`;
}

export function formatPodInspection(inspection: PodInspection): string {
  const { pod, counters } = inspection;
  const where = pod.node === undefined ? '' : ` on ${pod.node}`;
  const lines = [
    `Pod ${pod.namespace}/${pod.name}  ${pod.phase}${where}  ${pod.addresses.join(', ') || 'no address'}${pod.hostNetwork ? '  host network' : ''}`,
    `  ${pod.ready ? 'ready' : `not ready: ${pod.why}`}  ${pod.conditions.join(' ')}`,
    ...pod.containers.map((container) => `  container ${container}`),
    'network',
    ...networkLines(inspection.network),
    'services',
    ...(inspection.services.length === 0 ? ['  none leads to this pod'] : []),
    ...inspection.services.flatMap((s) => [
      `  ${mark(s.problems.length === 0)} ${s.name}  ${s.ready ? 'ready' : 'not ready'}; connections now: ${s.connections}`,
      ...s.problems.map((problem) => `        ${problem}`),
    ]),
    'dns',
    ...(inspection.dns.length === 0 ? ['  no name leads to this pod'] : []),
    ...dnsLines(inspection.dns),
    'counters',
    ...(counters.device === undefined ? [] : [counterText('eth0', counters.device)]),
    `  connections now: ${counters.connectionsFrom} from the pod, ${counters.connectionsTo} to it`,
    ...closingLines(inspection),
  ];
  return `${lines.join('\n')}\n`;
}

export function formatNodeInspection(inspection: NodeInspection): string {
  const { node, counters, rules } = inspection;
  const devices = Object.entries(counters.devices).filter(([, c]) => c.receivedPackets + c.sentPackets > 0);
  const lines = [
    `Node ${node.name}  ${node.addresses.join(', ')}  pods ${node.podCidrs.join(', ') || 'no range yet'}`,
    `  ${node.ready ? 'ready' : `not ready: ${node.why}`}${node.unschedulable ? ', takes no new pods' : ''}  ${node.conditions.join(' ')}`,
    'pods',
    ...(inspection.pods.length === 0 ? ['  none'] : []),
    ...inspection.pods.map(
      (p) => `  ${p.name}  ${p.addresses.join(', ')}  ${p.phase}${p.ready ? ', ready' : `, not ready: ${p.why}`}`,
    ),
    'network',
    ...networkLines(inspection.network),
    `rules of services (${inspection.mode}): ${inspection.rulesCompared} compared, ${rules.length} differ`,
    ...ruleLines(rules),
    'counters',
    ...devices.map(([name, c]) => counterText(name, c)),
    `  connections now: ${counters.connections} of at most ${counters.connectionsMax}`,
    ...closingLines(inspection),
  ];
  return `${lines.join('\n')}\n`;
}
