// The clocks of a cluster as its API shows them.
import { leases } from '../api/objects.ts';
import type { Client } from '../client/index.ts';
import type { ClockFacts } from './doctor-host-checks.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
/** Times of creation are whole seconds: on average half a second is cut off. */
const CUT_OFF_MS = 500;
const DEFAULT_LEASE_SECONDS = 40;

/** What the API server would store says what time it has; nothing is stored. */
export async function readClocks(client: Client): Promise<ClockFacts> {
  const before = Date.now();
  const made = await client.resource(leases).create(
    {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: `portico-doctor-${before}`, namespace: 'default' },
      spec: {},
    },
    { dryRun: true },
  );
  const halfway = before + (Date.now() - before) / 2;
  const apiAheadMs = Date.parse(made.metadata.creationTimestamp) + CUT_OFF_MS - halfway;
  const { items } = await client.resource(leases).list({ namespace: LEASE_NAMESPACE });
  const now = Date.now() + apiAheadMs;
  return {
    apiAheadMs,
    leases: items.flatMap(({ metadata, spec }) => {
      const renewed = Date.parse(spec?.renewTime ?? '');
      const durationMs = (spec?.leaseDurationSeconds ?? DEFAULT_LEASE_SECONDS) * 1000;
      return Number.isNaN(renewed) ? [] : [{ node: metadata.name, ageMs: now - renewed, durationMs }];
    }),
  };
}
