import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CapturedFrame, ProbeOutcome, RuleStep } from './contract.ts';
import { frames, icmpError, node, pod, tcp } from './fixtures.ts';
import { mergeWalk } from './merge.ts';
import { judge } from './verdict.ts';
import type { VerdictInput } from './verdict.ts';

const [client, server] = [pod('client'), pod('web')];
const n1 = node('node-1');
const VIP: readonly [string, number] = ['10.96.0.10', 80];
const C: readonly [string, number] = ['10.244.1.2', 43333];
const S: readonly [string, number] = ['10.244.1.3', 8080];
const tuple = {
  protocol: 'tcp',
  source: C[0],
  sourcePort: C[1],
  destination: VIP[0],
  destinationPort: VIP[1],
} as const;
const syn = (to: readonly [string, number]) => tcp({ from: C, to, seq: 10 });
const back = (from: readonly [string, number], flags = 'S.') => tcp({ from, to: C, flags, ack: 11 });
const timeout: ProbeOutcome = { kind: 'timeout', ms: 2000, message: 'no answer within 2000 ms' };
const refusedOutcome: ProbeOutcome = { kind: 'refused', ms: 1, message: 'connection refused' };
const toServer = [
  [client, 'eth0', 'out', syn(VIP)],
  [n1, 'lxca', 'in', syn(VIP)],
  [n1, 'lxcb', 'out', syn(S)],
  [server, 'eth0', 'in', syn(S)],
] as const;

function verdictOf(list: CapturedFrame[], more: Partial<VerdictInput> = {}, steps: RuleStep[] = []) {
  const events = steps.map((step) => ({ node: step.node, id: '1', packet: { ...tuple, flags: 'S' }, step }));
  const legs = mergeWalk({ client: tuple, frames: list, events });
  const outcome = { kind: 'connected', ms: 1.25 } as const;
  return judge({ client, destination: VIP[0], destinationPort: VIP[1], protocol: 'tcp', outcome, legs, ...more });
}

test('judge() a connection that worked', () => {
  const list = frames([
    ...toServer,
    [server, 'eth0', 'out', back(S)],
    [n1, 'lxcb', 'in', back(S)],
    [n1, 'lxca', 'out', back(VIP)],
    [client, 'eth0', 'in', back(VIP)],
  ]);
  const endpoint = {
    address: S[0],
    port: S[1],
    place: server,
    node: 'node-1',
    outOf: 3,
    probability: 1 / 3,
    chosenBy: 'random',
  } as const;
  assert.deepEqual(verdictOf(list, { endpoint, targetName: 'Service default/nginx' }), {
    ok: true,
    code: 'ok',
    sentence:
      'pod default/client reached Service default/nginx (10.96.0.10:80); pod default/web 10.244.1.3:8080 on node-1 answered, ' +
      '1 of 3 endpoints, chosen with probability 0.333; node-1 translated the address and undid it for the reply; 1.3 ms',
  });
  const says = (more: object) => verdictOf(list, { endpoint: { ...endpoint, ...more } }).sentence;
  assert.match(says({ probability: 1, chosenBy: 'affinity' }), /1 of 3 endpoints, kept from an earlier connection/);
  assert.match(says({ outOf: 1, probability: 1, chosenBy: 'only' }), /, 1 of 1 endpoint; node-1/);
  assert.match(says({ outOf: 0, ready: false }), /answered, which is not ready, while 0 endpoints are/);
});

test('judge() says where and why a connection failed', () => {
  const reject: RuleStep = {
    node: 'node-1',
    family: 'ip',
    table: 'filter',
    chain: 'KUBE-SERVICES',
    text: '-A KUBE-SERVICES -d 10.96.0.10/32 -m comment --comment "default/nginx has no endpoints" -j REJECT',
    verdict: 'drop',
  };
  const jump: RuleStep = {
    ...reject,
    table: 'nat',
    text: '-A X -m comment --comment "no drop here" -j Y',
    verdict: 'jump Y',
  };
  const cases: [string, ReturnType<typeof verdictOf>, string, RegExp][] = [
    [
      'reject rule',
      verdictOf(
        frames([toServer[0], toServer[1], [n1, 'lxca', 'out', icmpError('172.30.0.11', C[0], 3, 3, syn(VIP))]]),
        { outcome: refusedOutcome, usableEndpoints: 0, targetName: 'Service default/nginx' },
        [jump, reject],
      ),
      'rejected-by-rule',
      /^Service default\/nginx has no ready endpoint: refused on node-1 by ip filter KUBE-SERVICES: .*REJECT, which answered with ICMP "port unreachable"$/,
    ],
    [
      'nobody listens in the pod',
      verdictOf(frames([...toServer, [server, 'eth0', 'out', back(S, 'R.')]]), { outcome: refusedOutcome }),
      'no-listener',
      /reached pod default\/web, where nothing listens on port 8080\/tcp \(10\.244\.1\.3:8080\)/,
    ],
    [
      'drop rule',
      verdictOf(frames([toServer[0], toServer[1]]), { outcome: timeout }, [
        { ...reject, text: 'ip daddr 10.96.0.10 drop' },
      ]),
      'dropped-by-rule',
      /^dropped on node-1 by ip filter KUBE-SERVICES: ip daddr 10\.96\.0\.10 drop$/,
    ],
    [
      'silent pod',
      verdictOf(frames([...toServer]), { outcome: timeout }),
      'no-reply',
      /reached pod default\/web .* sent no answer$/,
    ],
    [
      'lost between devices',
      verdictOf(frames([toServer[0], toServer[1]]), { outcome: timeout }),
      'lost',
      /last seen on node node-1, lxca \(in\).* arrived there and did not leave$/,
    ],
    [
      'no route',
      verdictOf(frames([toServer[0], toServer[1]]), {
        outcome: timeout,
        routeProblem: 'node-1 has no route to 10.244.2.2',
      }),
      'no-route',
      /^node-1 has no route/,
    ],
    [
      'reply not translated back',
      verdictOf(frames([...toServer, [server, 'eth0', 'out', back(S)], [client, 'eth0', 'in', back(S)]]), {
        outcome: timeout,
      }),
      'asymmetric-return',
      /came back from 10\.244\.1\.3:8080 instead of 10\.96\.0\.10:80/,
    ],
    [
      'reply lost',
      verdictOf(frames([...toServer, [server, 'eth0', 'out', back(S)]]), { outcome: timeout }),
      'lost',
      /answered, but the reply was last seen on pod default\/web/,
    ],
    [
      'packet too big',
      verdictOf(frames([...toServer, [n1, 'lxca', 'out', icmpError('172.30.0.11', C[0], 3, 4, syn(VIP), 1450)]]), {
        outcome: timeout,
      }),
      'mtu',
      /at most 1450 bytes/,
    ],
    [
      'unreachable for the client',
      verdictOf([], { outcome: { kind: 'unreachable', ms: 0, message: 'ENETUNREACH' } }),
      'no-route',
      /pod default\/client has no route to 10\.96\.0\.10/,
    ],
  ];
  for (const [name, verdict, code, pattern] of cases) {
    assert.equal(verdict.code, code, name);
    assert.equal(verdict.ok, false, name);
    assert.match(verdict.sentence, pattern, name);
  }
});

test('judge() a virtual address that no rule translates', () => {
  const target = { targetName: 'Service default/nginx', usableEndpoints: 2, isVirtual: true } as const;
  const left = frames([
    [client, 'eth0', 'out', syn(VIP)],
    [n1, 'lxca', 'in', syn(VIP)],
    [n1, 'eth0', 'out', syn(VIP)],
  ]);
  const lost = verdictOf(left, { ...target, outcome: timeout });
  assert.equal(lost.code, 'not-translated');
  assert.match(lost.sentence, /no rule on node-1 translated Service default\/nginx .* which has 2 ready endpoints/);
  const reject: RuleStep = {
    node: 'node-1',
    family: 'ip',
    table: 'portico',
    chain: 'cluster-ips-check',
    handle: 1,
    verdict: 'drop',
    text: 'ip daddr @cluster-ips reject',
  };
  const list = [
    ...left.slice(0, 2),
    ...frames([[client, 'eth0', 'in', icmpError('172.30.0.11', C[0], 3, 3, syn(VIP))]]),
  ];
  const refused = verdictOf(list, { ...target, outcome: refusedOutcome }, [reject]);
  assert.match(
    refused.sentence,
    /^no rule translates Service default\/nginx, which has 2 ready endpoints: refused on node-1/,
  );
  // A process on the node: no device shows its packet.
  const atHome = judge({
    client: n1,
    destination: VIP[0],
    destinationPort: VIP[1],
    protocol: 'tcp',
    outcome: refusedOutcome,
    legs: [{ name: 'request', hops: [], rulesAfter: [reject], changesAfter: [] }],
    usableEndpoints: 0,
    targetName: 'Service default/empty',
  });
  assert.equal(atHome.code, 'rejected-by-rule');
  assert.match(atHome.sentence, /^Service default\/empty has no ready endpoint: refused on node-1 by ip portico/);
});
