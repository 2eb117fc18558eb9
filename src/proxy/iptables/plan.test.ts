import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChangeTracker } from '../changes.ts';
import { service, slice, views } from '../fixtures/objects.ts';
import { fixedChains } from './fixed-chains.ts';
import { RuleBook, nodePortTail, restoreInput, type PlanContext } from './plan.ts';

const CONTEXT: PlanContext = {
  family: 'IPv4',
  detector: { kind: 'cidr', cidr: '10.0.0.0/8' },
  masqueradeAll: false,
  nodeIp: '192.168.0.2',
  localhostNodePorts: true,
  nfacct: false,
  fixed: fixedChains({
    family: 'IPv4',
    masqueradeMark: 0x4000,
    randomFully: true,
    localhostNodePorts: true,
    dropInvalid: true,
    nfacct: false,
  }),
  tail: nodePortTail({ family: 'IPv4', addresses: undefined, localhostNodePorts: true }),
};

function trackerOf(objects: Parameters<typeof views>[0]): ChangeTracker {
  const tracker = new ChangeTracker('IPv4', { name: 'node-1' });
  const { services, slices } = views(objects);
  for (const s of services) tracker.setService(s.key, s);
  for (const s of slices) tracker.setSlice(undefined, s);
  return tracker;
}

const NGINX = service('default/nginx', { clusterIP: '10.96.4.7', ports: [{ port: 80 }] });
const TWO = slice('default/nginx', [{ ip: '10.0.1.79' }, { ip: '10.0.0.224' }]);

test('plan() writes the seed listing: two endpoints behind default/nginx', () => {
  const plan = new RuleBook().plan(trackerOf([NGINX, TWO]).take(), CONTEXT);
  assert.deepEqual(plan.chains.get('nat KUBE-SVC-2CMXP7HKUVJN7L6M')?.split('\n'), [
    '-A KUBE-SVC-2CMXP7HKUVJN7L6M -m comment --comment "default/nginx cluster IP" -m tcp -p tcp -d 10.96.4.7 --dport 80 ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ',
    '-A KUBE-SVC-2CMXP7HKUVJN7L6M -m comment --comment "default/nginx -> 10.0.0.224:80" -m statistic --mode random --probability 0.5000000000 -j KUBE-SEP-HZXSYA2C4E7MQSH3',
    '-A KUBE-SVC-2CMXP7HKUVJN7L6M -m comment --comment "default/nginx -> 10.0.1.79:80" -j KUBE-SEP-XZRG5L6J3WL7H422',
  ]);
  assert.deepEqual(plan.chains.get('nat KUBE-SEP-XZRG5L6J3WL7H422')?.split('\n'), [
    '-A KUBE-SEP-XZRG5L6J3WL7H422 -m comment --comment default/nginx -s 10.0.1.79 -j KUBE-MARK-MASQ',
    '-A KUBE-SEP-XZRG5L6J3WL7H422 -m comment --comment default/nginx -m tcp -p tcp -j DNAT --to-destination 10.0.1.79:80',
  ]);
  assert.equal(
    plan.chains.get('nat KUBE-SERVICES')?.split('\n')[0],
    '-A KUBE-SERVICES -m comment --comment "default/nginx cluster IP" -m tcp -p tcp -d 10.96.4.7 --dport 80 -j KUBE-SVC-2CMXP7HKUVJN7L6M',
  );
});

test('plan() of an endpoint that leaves touches two chains and nothing shared', () => {
  const tracker = trackerOf([NGINX, TWO]);
  const book = new RuleBook();
  const first = tracker.take();
  book.commit(book.plan(first, CONTEXT));
  tracker.commit(first);
  const { slices: before } = views([TWO]);
  const { slices: after } = views([slice('default/nginx', [{ ip: '10.0.1.79' }])]);
  tracker.setSlice(before[0], after[0]);
  const second = tracker.take();
  const plan = book.plan(second, CONTEXT);
  assert.equal(
    restoreInput(plan.chains),
    `*nat
:KUBE-SEP-HZXSYA2C4E7MQSH3 - [0:0]
:KUBE-SVC-2CMXP7HKUVJN7L6M - [0:0]
-A KUBE-SVC-2CMXP7HKUVJN7L6M -m comment --comment "default/nginx cluster IP" -m tcp -p tcp -d 10.96.4.7 --dport 80 ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ
-A KUBE-SVC-2CMXP7HKUVJN7L6M -m comment --comment "default/nginx -> 10.0.1.79:80" -j KUBE-SEP-XZRG5L6J3WL7H422
-X KUBE-SEP-HZXSYA2C4E7MQSH3
COMMIT
`,
  );
  book.commit(plan);
  tracker.commit(second);
  assert.equal(tracker.take().size, 0, 'nothing is left to do');
});

test('plan() refuses traffic to a service without endpoints', () => {
  const plan = new RuleBook().plan(trackerOf([NGINX]).take(), CONTEXT);
  assert.equal(
    plan.chains.get('filter KUBE-SERVICES'),
    '-A KUBE-SERVICES -m comment --comment "default/nginx has no endpoints" -m tcp -p tcp -d 10.96.4.7 --dport 80 -j REJECT',
  );
  assert.ok(!plan.chains.has('nat KUBE-SVC-2CMXP7HKUVJN7L6M'));
});
