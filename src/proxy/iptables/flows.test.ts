// The packet-flow tables through the tracer of the iptables mode, in IPv4 and in their IPv6 twins.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChangeTracker } from '../changes.ts';
import { FLOW_TABLES } from '../fixtures/flow-tables.ts';
import { views } from '../fixtures/objects.ts';
import { HOSTS, NODE_NAME, WORLD, ZONE, expectedIn, toIpv6, type Expected, type FlowTable } from '../fixtures/world.ts';
import { coversLoopback, nodePortAddresses } from '../node-addresses.ts';
import type { Family } from '../contract.ts';
import type { Trace } from '../packet-trace.ts';
import { fixedChains } from './fixed-chains.ts';
import { RuleBook, nodePortTail, type PlanContext } from './plan.ts';
import { traceIptables } from './trace-rules.ts';

const MARK = 0x4000;

function contextOf(table: FlowTable, family: Family, translate: (t: string) => string): PlanContext {
  const { settings = {} } = table;
  const wanted = (settings.nodePortAddresses ?? []).map(translate);
  const localhostNodePorts = (settings.localhostNodePorts ?? true) && coversLoopback(settings.nodePortAddresses ?? []);
  const nodeIps = [translate(WORLD.nodeIp)];
  const locals = [translate(WORLD.nodeIp), translate(WORLD.nodeIp2), '127.0.0.1', '::1'];
  const addresses = nodePortAddresses({ family, wanted, whenEmpty: 'all', nodeIps }, () => locals);
  const fixed = {
    family,
    masqueradeMark: MARK,
    randomFully: true,
    localhostNodePorts,
    dropInvalid: true,
    nfacct: false,
  };
  return {
    family,
    detector: settings.detector === false ? { kind: 'none' } : { kind: 'cidr', cidr: translate(WORLD.podCidr) },
    masqueradeAll: settings.masqueradeAll ?? false,
    nodeIp: nodeIps[0],
    localhostNodePorts,
    nfacct: false,
    fixed: fixedChains(fixed),
    tail: nodePortTail({ family, addresses, localhostNodePorts }),
  };
}

function check(trace: Trace, expected: Expected, source: string, what: string): void {
  const { verdict } = trace;
  const because = `${what}\n${trace.steps.join('\n')}`;
  if (typeof expected === 'string') {
    assert.equal(verdict.kind, expected, because);
    return;
  }
  const seen = verdict.kind === 'endpoints' ? verdict.endpoints : [];
  const want = expected.endpoints
    .map((to) => ({
      to,
      masqueraded: expected.masquerade || to.startsWith(`${source}:`) || to.startsWith(`[${source}]:`),
    }))
    .toSorted((a, b) => (a.to < b.to ? -1 : 1));
  assert.deepEqual(seen, want, because);
}

for (const family of ['IPv4', 'IPv6'] as const) {
  const translate = family === 'IPv4' ? (t: string) => t : toIpv6;
  for (const table of FLOW_TABLES) {
    test(`iptables ${family}: ${table.name}`, () => {
      const objects: typeof table.objects = JSON.parse(
        translate(JSON.stringify(table.objects)).replaceAll('"addressType":"IPv4"', `"addressType":"${family}"`),
      );
      const tracker = new ChangeTracker(family, { name: NODE_NAME, zone: ZONE });
      const { services, slices } = views(objects);
      for (const s of services) tracker.setService(s.key, s);
      for (const s of slices) tracker.setSlice(undefined, s);
      const book = new RuleBook();
      book.commit(book.plan(tracker.take(), contextOf(table, family, translate)));
      const node = { localAddresses: [WORLD.nodeIp, WORLD.nodeIp2, HOSTS.loadBalancer.ip].map(translate) };
      for (const flow of table.flows) {
        // IPv6 has no node ports on the loopback address.
        if (family === 'IPv6' && flow.from === 'localhost') continue;
        const source = translate(HOSTS[flow.from].ip);
        const locals = flow.from === 'loadBalancer' ? node : { localAddresses: node.localAddresses.slice(0, 2) };
        const destination = translate(flow.to);
        const packet = { source, destination, port: flow.port, protocol: flow.protocol ?? 'tcp' };
        const expected = expectedIn(flow, 'iptables');
        const translated: Expected =
          typeof expected === 'string' ? expected : JSON.parse(translate(JSON.stringify(expected)));
        const what = `${flow.from} (${source}) → ${destination} port ${flow.port} ${packet.protocol}`;
        check(traceIptables(book.chains, locals, packet, MARK), translated, source, what);
      }
    });
  }
}
