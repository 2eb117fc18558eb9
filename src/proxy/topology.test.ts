// Which endpoints a node uses: conditions, policies and hints, as a table.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InformedTracker } from './fixtures/informed-tracker.ts';
import { service, slice, type EndpointSpec, type ServiceSpec } from './fixtures/objects.ts';

/** r ready, t terminating but serving, x terminating and not serving, n not ready; L local; za/zb zones; n1/n2 nodes; - no hint in a list. */
function endpoint(word: string, i: number): EndpointSpec {
  const [state = 'r', ...marks] = word.split(' ');
  const local = marks.includes('L');
  const zones = marks.filter((m) => /^z[ab]$/.test(m)).map((z) => `zone-${z.slice(1)}`);
  const nodes = marks.filter((m) => /^n[12]$/.test(m)).map((n) => `node-${n.slice(1)}`);
  return {
    ip: `10.1.0.${i}`,
    node: local ? 'node-1' : 'node-2',
    ready: state === 'r',
    serving: state === 'r' || state === 't',
    terminating: state === 't' || state === 'x',
    ...((zones.length > 0 || marks.includes('-')) && { zones }),
    ...((nodes.length > 0 || marks.includes('-')) && { nodes }),
  };
}

const IN = { internalTrafficPolicy: 'Local' };
const OUT = { type: 'NodePort', externalTrafficPolicy: 'Local' };
const NODE_PORT = { type: 'NodePort' };

/** Policy, zone of the node, endpoints → numbers of the cluster list, of the local list, whether any is usable. */
const CASES: readonly (readonly [string, ServiceSpec, string, readonly string[], string, string, boolean])[] = [
  ['ready ones', {}, 'zone-a', ['r', 'r L', 'n'], '0 1', '', true],
  ['nothing', {}, 'zone-a', [], '', '', false],
  ['only not ready', {}, 'zone-a', ['n', 'x L'], '', '', false],
  ['zone hints for this zone', {}, 'zone-a', ['r za', 'r zb', 'r za zb'], '0 2', '', true],
  ['zone hints for others only', {}, 'zone-c', ['r za', 'r zb'], '0 1', '', true],
  ['zone hints on some only', {}, 'zone-a', ['r za', 'r'], '0 1', '', true],
  ['zone hints, zone unknown', {}, '', ['r za', 'r zb'], '0 1', '', true],
  ['hints of endpoints that are not ready do not count', {}, 'zone-a', ['r za', 'n', 'r zb'], '0', '', true],
  ['a hint for this zone on one that is not ready', {}, 'zone-a', ['r zb', 'n za'], '0', '', true],
  ['node hints for this node', {}, 'zone-a', ['r n1 za', 'r n2 za'], '0', '', true],
  ['node hints for others: zone hints count', {}, 'zone-a', ['r n2 za', 'r n2 zb'], '0', '', true],
  ['node hints on some only', {}, 'zone-a', ['r n1 za', 'r za', 'r zb'], '0 1', '', true],
  ['node hints alone, none for us', {}, 'zone-a', ['r n2', 'r n2'], '0 1', '', true],
  ['empty lists of hints are no hints', {}, 'zone-a', ['r za', 'r -'], '0 1', '', true],
  ['empty lists on all', {}, 'zone-a', ['r -', 'r L -'], '0 1', '', true],
  ['a hint for this node on one that is not ready', {}, 'zone-a', ['r n2', 'n n1'], '0', '', true],
  ['node hints of endpoints that are not ready do not count', {}, 'zone-a', ['r n1', 'n', 'r n2'], '0', '', true],
  ['node hints lead to an endpoint elsewhere', {}, 'zone-a', ['r n1', 'r L n2'], '0', '', true],
  ['an endpoint for several nodes', {}, 'zone-a', ['r n1 n2', 'r n2'], '0', '', true],
  ['zones of all, this one through a terminating one', {}, 'zone-a', ['r zb', 't za'], '0', '', true],
  ['internal Local ignores node hints', IN, 'zone-a', ['r L n2', 'r n1'], '', '0', true],
  ['terminating when none is ready', {}, 'zone-a', ['t', 't L', 'x'], '0 1', '', true],
  ['terminating ignores hints', {}, 'zone-a', ['t zb', 'n za'], '0', '', true],
  ['terminating not used beside ready ones', {}, 'zone-a', ['t', 'r'], '1', '', true],
  ['internal Local', IN, 'zone-a', ['r L', 'r'], '', '0', true],
  ['internal Local, none here', IN, 'zone-a', ['r', 'n L'], '', '', true],
  ['internal Local, terminating here', IN, 'zone-a', ['t L', 'r'], '', '0', true],
  ['internal Local ignores hints', IN, 'zone-a', ['r L zb', 'r za'], '', '0', true],
  ['internal Local, nothing anywhere', IN, 'zone-a', ['n L', 'x'], '', '', false],
  ['external Local uses both', OUT, 'zone-a', ['r L', 'r'], '0 1', '0', true],
  ['external Local, hints only for the cluster list', OUT, 'zone-a', ['r L zb', 'r za'], '1', '0', true],
  ['external Local, terminating here', OUT, 'zone-a', ['t L', 'r'], '1', '0', true],
  ['external Local, ready here and terminating there', OUT, 'zone-a', ['r L', 't'], '0', '0', true],
  ['external Local, only terminating elsewhere', OUT, 'zone-a', ['t', 'n L'], '0', '', true],
  ['external Local, both terminating', OUT, 'zone-a', ['t', 't L'], '0 1', '1', true],
  ['both Local', { ...OUT, ...IN }, 'zone-a', ['r L', 'r'], '0 1', '0', true],
  [
    'Local without being reachable from outside',
    { externalTrafficPolicy: 'Local' },
    'zone-a',
    ['r L', 'r'],
    '0 1',
    '',
    true,
  ],
  ['internal Local, reachable from outside', { ...NODE_PORT, ...IN }, 'zone-a', ['r L', 'r'], '0 1', '0', true],
  ['internal Local from outside, hints', { ...NODE_PORT, ...IN }, 'zone-a', ['r L zb', 'r za'], '1', '0', true],
  ['node port, Cluster', NODE_PORT, 'zone-a', ['r L', 'r', 't'], '0 1', '', true],
];

for (const [name, spec, zone, words, cluster, local, any] of CASES) {
  test(`endpoints: ${name}`, () => {
    const ports = [{ port: 80, ...(spec.type === 'NodePort' ? { nodePort: 30_080 } : {}) }];
    const objects = [
      service('ns/s', { clusterIP: '10.96.0.1', ...spec, ports }),
      slice('ns/s', words.map(endpoint), { family: 'IPv4' }),
    ];
    const node = { name: 'node-1', ...(zone === '' ? {} : { zone }) };
    const state = new InformedTracker(objects, 'IPv4', node).stateOf('ns/s')?.ports[0];
    const numbers = (list: readonly { ip: string }[] | undefined) =>
      (list ?? []).map((e) => e.ip.split('.')[3]).join(' ');
    assert.deepEqual(
      { cluster: numbers(state?.cluster), local: numbers(state?.local), any: state?.hasEndpoints },
      { cluster, local, any },
    );
  });
}
