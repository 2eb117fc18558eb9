// Everything about one Service: what `portico inspect` says, and beside it the rules of each node as their tool writes
// them.
import type { Client } from '../../client/index.ts';
import { runCommand } from '../../linux/index.ts';
import { inspectService, readSavedText } from '../../trace/index.ts';
import type { TraceEnvironment } from '../../trace/index.ts';
import type { NodeRules, ServicePage } from '../contract.ts';
import { iptablesLines, nftLines } from './rule-lines.ts';
import { familyOf } from './shares.ts';

export async function readServicePage(options: {
  client: Client;
  environment: TraceEnvironment;
  namespace: string;
  name: string;
  nodes: readonly string[];
}): Promise<ServicePage> {
  const inspection = await inspectService(options);
  const { addresses } = inspection.service;
  const modes = new Map(inspection.rules.map((rule) => [rule.node, rule.mode]));
  const held = await Promise.all(
    [...modes].map(async ([node, mode]): Promise<NodeRules> => {
      const netns = options.environment.nodeNetns(node);
      return { node, mode, lines: netns === undefined ? [] : await readLines(netns, mode, addresses) };
    }),
  );
  return { ...inspection, held };
}

async function readLines(netns: string, mode: NodeRules['mode'], addresses: readonly string[]): Promise<string[]> {
  const families = [...new Set(addresses.map(familyOf))];
  const listings = families.map(async (family) => {
    if (mode === 'nftables') {
      const { stdout } = await runCommand('nft', ['list', 'table', family === 'v4' ? 'ip' : 'ip6', 'portico'], {
        netns,
      });
      return nftLines(stdout, addresses);
    }
    const { text } = await readSavedText(netns, family === 'v4' ? 4 : 6);
    return iptablesLines(text, addresses);
  });
  return mode === 'none' ? [] : (await Promise.all(listings)).flat();
}
