// tcpdump in several places of a cluster, and whether what it saw agrees with the walk that a trace tells.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Walk } from '../../src/trace/index.ts';
import type { Cluster } from './cluster-fixture.ts';

export interface CapturedLine {
  readonly place: string;
  readonly device: string;
  readonly direction: string;
  readonly text: string;
}

/** Captures in the namespaces of these nodes and pods while `work` runs. */
export async function captureDuring<T>(
  cluster: Cluster,
  places: readonly string[],
  work: () => T | Promise<T>,
): Promise<{ result: T; captured: readonly CapturedLine[] }> {
  const dir = mkdtempSync(path.join(tmpdir(), 'portico-tcpdump-'));
  const captures = places.map((place) => startTcpdump(cluster, place, dir));
  try {
    await Promise.all(captures.map((capture) => capture.ready));
    const result = await work();
    return { result, captured: (await Promise.all(captures.map((capture) => capture.stop()))).flat() };
  } finally {
    for (const capture of captures) capture.child.kill('SIGKILL');
    rmSync(dir, { recursive: true });
  }
}

/** Each hop of both legs in these places was seen by tcpdump there, on the same device, with the same addresses. */
export function assertAgrees(walk: Walk, places: readonly string[], captured: readonly CapturedLine[]): void {
  let compared = 0;
  for (const hop of walk.legs.flatMap((leg) => leg.hops)) {
    const place = hop.place.kind === 'pod' ? hop.place.name.replace(/^default\//, '') : hop.place.name;
    if (!places.includes(place)) continue;
    const { source, sourcePort, destination, destinationPort, flags } = hop.packet;
    const text = `${source}.${sourcePort} > ${destination}.${destinationPort}: Flags [${flags}]`;
    const direction = hop.direction === 'in' ? 'In' : 'Out';
    const seen = captured.some(
      (line) =>
        line.place === place && line.device === hop.device && line.direction === direction && line.text.includes(text),
    );
    const all = () => captured.map((l) => `${l.place} ${l.device} ${l.direction} ${l.text}`).join('\n');
    assert.ok(seen, `${place} ${hop.device} ${direction} ${text}\n${all()}`);
    compared += 1;
  }
  assert.ok(compared >= 8, `only ${compared} hops were in the places that tcpdump watched`);
}

/** On every device of one namespace; the text of an envelope's line is that of the packet inside. */
function startTcpdump(cluster: Cluster, place: string, dir: string) {
  const netns = /^node-\d+$/.test(place) ? cluster.netns(place) : cluster.podNetns(place);
  const file = path.join(dir, `${place}.txt`);
  const script = `exec tcpdump -l -n -i any 'tcp or udp port 4789' >'${file}'`;
  const child = spawn('ip', ['netns', 'exec', netns, 'sh', '-c', script], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ready = new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      if (chunk.includes('listening on')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`tcpdump on ${place} ended: ${code}`)));
  });
  const stop = async (): Promise<CapturedLine[]> => {
    // Its buffer is handed over after the packets have passed.
    await sleep(300);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    await ended;
    const lines: CapturedLine[] = [];
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const head = /^[\d:.]+ (\S+) +(In|Out) +IP6? (.*)$/.exec(line);
      const last = lines.at(-1);
      if (head !== null) lines.push({ place, device: head[1] ?? '', direction: head[2] ?? '', text: head[3] ?? '' });
      else if (last !== undefined && line.startsWith('IP')) lines.push({ ...last, text: line.slice(3) });
    }
    return lines;
  };
  return { child, ready, stop };
}
