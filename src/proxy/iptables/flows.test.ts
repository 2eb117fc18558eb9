import { runFlowTables } from '../fixtures/run-flows.ts';
import { fixedChains } from './fixed-chains.ts';
import { RuleBook, nodePortTail } from './plan.ts';
import { traceIptables } from './trace-rules.ts';

const MARK = 0x4000;

runFlowTables('iptables', (tracker, context) => {
  const { family, localhostNodePorts, nodePortAddresses: addresses } = context;
  const fixed = fixedChains({
    family,
    masqueradeMark: MARK,
    randomFully: true,
    localhostNodePorts,
    dropInvalid: true,
    nfacct: false,
  });
  const tail = nodePortTail({ family, addresses, localhostNodePorts });
  const book = new RuleBook();
  book.commit(book.plan(tracker.take(), { ...context, nfacct: false, fixed, tail }));
  return (node, packet) => traceIptables(book.chains, node, packet, MARK);
});
