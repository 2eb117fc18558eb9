import { runFlowTables } from '../fixtures/run-flows.ts';
import { NftBook } from './book.ts';
import { fixedOps } from './fixed-table.ts';
import { TableModel } from './table-model.ts';
import { traceNftables } from './trace-rules.ts';

runFlowTables('nftables', (tracker, flow) => {
  const context = { ...flow, masqueradeMark: 0x4000 };
  const table = new TableModel();
  table.apply(fixedOps(context));
  const plan = new NftBook().plan(tracker.take(), context);
  table.apply(plan.ops);
  return (node, packet) => traceNftables(table, node, packet);
});
