// apply(have, plan(have, want)) = want, and the second plan is empty: over random histories of random clusters.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InformedTracker } from '../fixtures/informed-tracker.ts';
import { histories } from '../fixtures/random-cluster.ts';
import { fixedChains } from './fixed-chains.ts';
import { RuleBook, nodePortTail, restoreInput, type PlanContext } from './plan.ts';
import { restoreInto, type ModelChains } from './restore-model.ts';

const CONTEXT: PlanContext = {
  family: 'IPv4',
  detector: { kind: 'cidr', cidr: '10.0.0.0/8' },
  masqueradeAll: false,
  nodeIp: '172.31.0.11',
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

test('incremental restores lead to what a fresh proxy would write', () => {
  fc.assert(
    fc.property(histories, (history) => {
      const kernel: ModelChains = new Map();
      const tracker = new InformedTracker();
      const book = new RuleBook();
      for (const batch of history) {
        for (const step of batch) tracker.apply(step);
        const changes = tracker.take();
        const plan = book.plan(changes, CONTEXT);
        restoreInto(kernel, restoreInput(plan.chains));
        book.commit(plan);
        tracker.commit(changes);
        assert.equal(tracker.take().size, 0);
        assert.equal(restoreInput(book.plan(new Map(), CONTEXT).chains), '');
      }
      const fresh = new RuleBook();
      const everything = new Map([...tracker.committed].map(([key, state]) => [key, { after: state }]));
      fresh.commit(fresh.plan(everything, CONTEXT));
      const expected = new Map([...fresh.chains].map(([id, text]) => [id, text === '' ? [] : text.split('\n')]));
      const sorted = (m: Map<string, string[]>) => [...m].toSorted(([a], [b]) => (a < b ? -1 : 1));
      assert.deepEqual(sorted(kernel), sorted(expected));
    }),
    { numRuns: 150 },
  );
});
