import assert from 'node:assert/strict';
import { test } from 'node:test';

import { deadRemains } from './dead-clusters.ts';
import type { MachineFacts } from './dead-clusters.ts';

const NOTHING: MachineFacts = { namespaces: [], stateDirs: [], cgroups: [], mounts: [], links: [] };
const remains = (facts: Partial<MachineFacts>) => deadRemains({ ...NOTHING, ...facts });

test('deadRemains() of a running cluster is nothing, wherever its state is', () => {
  const namespaces = [
    { name: 'demo-node-1', processes: 4 },
    { name: 'demo-fabric', processes: 0 },
  ];
  assert.deepEqual(remains({ namespaces, cgroups: [{ cluster: 'demo', processes: 3 }] }), []);
  const stateDirs = [{ dir: '/var/lib/portico/demo', cluster: 'demo', running: true }];
  assert.deepEqual(remains({ namespaces, stateDirs, mounts: ['/var/lib/portico/demo/nodes/x'] }), []);
});

test('deadRemains() names what a dead cluster left, and who removes it', () => {
  const namespaces = ['old-fabric', 'old-control-plane', 'old-node-1', 'old-pod-0a1b'].map((name) => ({
    name,
    processes: 0,
  }));
  assert.deepEqual(remains({ namespaces }), [
    {
      what: 'network namespaces of cluster old, which is no more: old-fabric, old-control-plane, old-node-1 and 1 more',
      mend: 'portico down --name old',
    },
  ]);
  assert.deepEqual(
    remains({ cgroups: [{ cluster: 'old', processes: 0 }] }).map(({ what }) => what),
    ['cgroups of cluster old, which is no more'],
  );
  assert.deepEqual(
    remains({ mounts: ['/var/lib/portico/old/nodes/node-1/rootfs'] }).map(({ mend }) => mend),
    ['portico down --name old'],
  );
  const [stopped, broken] = remains({
    stateDirs: [
      { dir: '/var/lib/portico/a', cluster: 'a', running: false },
      { dir: '/var/lib/portico/b', running: false },
    ],
  });
  assert.match(stopped?.what ?? '', /state of cluster a, which does not run/);
  assert.match(stopped?.mend ?? '', /portico up --name a starts it again/);
  assert.match(broken?.what ?? '', /holds files of no cluster/);
  assert.match(remains({ links: ['portico.vxlan'] })[0]?.mend ?? '', /ip link delete portico\.vxlan/);
});

test('deadRemains() leaves a cluster alone whose pods outlive its agents', () => {
  const stateDirs = [{ dir: '/srv/demo', cluster: 'demo', running: false }];
  assert.deepEqual(remains({ stateDirs, namespaces: [{ name: 'demo-pod-ab', processes: 1 }] }), []);
});
