// One run of faults at random under writers, watchers and clients of a Service, and everything that must hold after it.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { nodes } from '../../src/api/index.ts';
import { cidrContains } from '../../src/ip/index.ts';
import type { Store } from '../../src/store/index.ts';
import { checkHistory, startWriters, type Written } from './hosts-checker.ts';
import { runFaults, seededRandom, type Fault } from './hosts-faults.ts';
import { AGENTS, type Hosts } from './hosts-fixture.ts';
import { ask, chosenEndpoint, type Asked } from './hosts-requests.ts';

export interface FaultRun {
  readonly hosts: Hosts;
  readonly seconds: number;
  readonly seed: number;
  /** Address of the Service. */
  readonly vip: string;
  /** Network namespaces of the clients' pods, by the node they stand on. */
  readonly clients: ReadonlyMap<string, string>;
  /** Resolves when all hosts are Ready and the Service has all its pods and no others. */
  readonly whole: () => Promise<unknown>;
  /** Lends the store, which servers may have to leave meanwhile. */
  readonly withStore: (use: (store: Store) => Promise<void>) => Promise<void>;
}

const CONVERGE_MS = 30_000;
const PAUSE_MS = 50;
const RESTART_MS = 300;
const ANSWERS_IN_A_ROW = 20;
/** A host that was cut off hears after this time at the latest what changed meanwhile. */
const CATCH_UP_MS = 6000;

interface Failure extends Asked {
  /** Nodes of the client, and of the endpoint that its kernel chose. */
  readonly nodes: readonly string[];
}

export async function faultsAtRandom(t: TestContext, run: FaultRun): Promise<void> {
  const { hosts, seconds, vip } = run;
  const { items } = await hosts.client.resource(nodes).list();
  const nodeOf = (podIp: string) => items.find((n) => cidrContains(n.spec?.podCIDR ?? '', podIp))?.metadata.name;
  const writers = await startWriters([...hosts.servers.values()].map((s) => s.client));

  let written: Written;
  let asked = 0;
  const failures: Failure[] = [];
  const stop = new AbortController();
  const asking = [...run.clients].map(async ([node, netns]) => {
    while (!stop.signal.aborted) {
      const answer = await ask(netns, vip);
      asked += 1;
      if (answer.error !== '') {
        const port = answer.sourcePort;
        const endpoint = port === undefined ? undefined : chosenEndpoint(hosts.netns(node as 'alpha'), vip, port);
        const there = endpoint === undefined ? undefined : nodeOf(endpoint);
        failures.push({ ...answer, nodes: [node, ...(there === undefined ? [] : [there])] });
      }
      await sleep(PAUSE_MS);
    }
  });
  // As a service manager would: whoever has ended is started again.
  const processes = [...hosts.servers.values(), ...AGENTS.map((a) => hosts.agents[a]), ...hosts.members.values()];
  const keeper = setInterval(() => {
    for (const process_ of processes) process_.start();
  }, RESTART_MS);
  let faults: Fault[];
  let convergedMs: number;
  try {
    faults = await runFaults(hosts, { seconds, random: seededRandom(run.seed) });
    const lastFault = performance.now();
    await run.whole();
    for (const netns of run.clients.values()) {
      for (let inARow = 0; inARow < ANSWERS_IN_A_ROW;) {
        inARow = (await ask(netns, vip)).error === '' ? inARow + 1 : 0;
        assert.ok(performance.now() < lastFault + CONVERGE_MS, `the Service answers again within ${CONVERGE_MS} ms`);
      }
    }
    convergedMs = performance.now() - lastFault;
  } finally {
    clearInterval(keeper);
    stop.abort();
    await Promise.all(asking);
    const ended = processes.filter((p) => p.endedByItself > 0).length;
    if (ended > 0) t.diagnostic(`${ended} processes ended by themselves`);
    written = await writers.stop();
  }

  const at = (ms: number) => `${((ms - (faults[0]?.from ?? 0)) / 1000).toFixed(1)} s`;
  const story = faults.map((f) => `${at(f.from)} ${f.kind} ${f.host} for ${((f.to - f.from) / 1000).toFixed(1)} s`);
  const count = (kind: string) => `${faults.filter((f) => f.kind === kind).length} ${kind}`;
  t.diagnostic(
    `${faults.length} faults (${[...new Set(faults.map((f) => f.kind))].map(count).join(', ')}), ` +
      `${written.acknowledged} writes acknowledged, ${asked} requests of which ${failures.length} failed, ` +
      `whole again after ${(convergedMs / 1000).toFixed(1)} s`,
  );
  assert.deepEqual(
    failures
      .filter((f) => !isExcused(f, faults))
      .map((f) => `${at(f.from)} to ${at(f.to)} ${f.nodes.join(' to ')}: ${f.error}`),
    [],
    `requests failed whose own node and endpoint were there; the faults:\n${story.join('\n')}`,
  );
  assert.ok(asked > seconds, 'there was traffic');
  assert.ok(convergedMs < CONVERGE_MS, `whole again after ${convergedMs} ms`);
  assert.ok(written.acknowledged > seconds, `${written.acknowledged} writes`);
  await run.withStore((store) => checkHistory(store, written));
}

/** Only a pulled cable takes a node away: kills, frozen processes, clocks and disks never show in traffic. */
function isExcused(failure: Failure, faults: readonly Fault[]): boolean {
  return faults.some(
    ({ kind, host, from, to }) =>
      kind === 'cable' &&
      (AGENTS as readonly string[]).includes(host) &&
      failure.nodes.includes(host) &&
      failure.to >= from - 100 &&
      failure.from <= to + CATCH_UP_MS,
  );
}
