// A trace as text for a terminal, and as comments in its pcapng. Pure.
import type { CapturedFrame, Walk } from './contract.ts';
import { changeText, formatWalk } from './format.ts';
import { formatAddressPort } from './packet.ts';
import { buildPcapng } from './pcapng.ts';
import type { TraceReport } from './trace-connection.ts';

export function formatTraceReport(report: TraceReport): string {
  const parts: string[] = [];
  if (report.dns !== undefined) {
    const { questions, walk } = report.dns;
    parts.push(
      ...questions.map(({ name, type, server, answer }) => {
        const said = answer === undefined ? 'no answer' : [answer.rcode, ...answer.addresses].join(' ');
        return `dns ${name} ${type} @${server}: ${said}`;
      }),
      indent(formatWalk(walk)),
    );
  }
  for (const walk of report.walks) parts.push(formatWalk(walk));
  if (report.walks.length > 1) parts.push(formatShares(report.walks));
  parts.push(...report.notes.map((note) => `note: ${note}`));
  if (report.walks.length === 0) parts.push(`FAILED: ${report.verdict.sentence}`);
  return `${parts.join('\n')}\n`;
}

const indent = (text: string) => text.replaceAll(/^/gm, '  ');

/** How many connections each endpoint got. */
function formatShares(walks: readonly Walk[]): string {
  const counts = new Map<string, number>();
  for (const { endpoint } of walks) {
    const name =
      endpoint === undefined
        ? 'no endpoint'
        : [endpoint.place?.name ?? [], formatAddressPort(endpoint.address, endpoint.port)].flat().join(' ');
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const lines = [...counts].toSorted((a, b) => b[1] - a[1]).map(([name, n]) => `  ${String(n).padStart(5)}  ${name}`);
  return [`${walks.length} connections`, ...lines].join('\n');
}

/** One pcapng of everything captured, with a comment on each packet that was changed. */
export function tracePcapng(frames: readonly CapturedFrame[], report: TraceReport): Buffer {
  const comments = new Map<string, string>();
  for (const walk of [...(report.dns === undefined ? [] : [report.dns.walk]), ...report.walks]) {
    for (const leg of walk.legs) {
      for (const hop of leg.hops) {
        const text = hop.changes.flatMap((change) => changeText(change) ?? []).join('; ');
        if (text !== '') comments.set(frameKey(hop.place.netns, hop.device, hop.direction, hop.timeNs), text);
      }
    }
  }
  const ordered = frames.toSorted((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
  return buildPcapng(
    ordered.map((frame) => {
      const comment = comments.get(frameKey(frame.place.netns, frame.device, frame.direction, String(frame.timeNs)));
      return comment === undefined ? { frame } : { frame, comment };
    }),
  );
}

const frameKey = (netns: string, device: string, direction: string, timeNs: string) =>
  `${netns} ${device} ${direction} ${timeNs}`;
