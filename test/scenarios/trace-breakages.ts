// What is broken on purpose in a node's network, one thing after the other, and what `portico trace` says of each.
import assert from 'node:assert/strict';
import process from 'node:process';

import type { TraceReport, Verdict } from '../../src/trace/index.ts';
import { eventually, portico, run } from './cluster-fixture.ts';
import type { Cluster } from './cluster-fixture.ts';

interface Breakage {
  readonly what: string;
  readonly args: readonly string[];
  readonly breakIt: () => unknown;
  readonly mendIt: () => unknown;
  readonly code: Verdict['code'];
  readonly sentence: RegExp;
  readonly dropReason?: string;
}

/** The agent of node-1 would mend what is broken: it stands still meanwhile. */
export async function checkBreakages(cluster: Cluster, mode: 'iptables' | 'nftables', overlay: boolean): Promise<void> {
  const trace = (args: readonly string[]): TraceReport => {
    const r = run(portico, ['trace', ...cluster.flags, '--json', '--timeout', '2', ...args]);
    assert.notEqual(r.stdout, '', `${args.join(' ')}: ${r.stderr}`);
    return JSON.parse(r.stdout) as TraceReport;
  };
  for (const breakage of breakages(cluster, mode, overlay)) {
    const agent = cluster.pid('agent-node-1');
    process.kill(agent, 'SIGSTOP');
    try {
      breakage.breakIt();
      // Which endpoint the kernel takes decides whether some of them are met at all.
      const { verdict } = await eventually(breakage.what, () => {
        const report = trace(breakage.args);
        return report.verdict.ok ? undefined : report;
      });
      assert.equal(verdict.code, breakage.code, `${breakage.what}: ${verdict.sentence}`);
      assert.match(verdict.sentence, breakage.sentence, breakage.what);
      if (breakage.dropReason !== undefined) assert.equal(verdict.dropReason, breakage.dropReason, verdict.sentence);
    } finally {
      breakage.mendIt();
      process.kill(agent, 'SIGCONT');
    }
  }
  await eventually('all is mended', () => (trace(['shell', 'web']).verdict.ok ? true : undefined));
}

function breakages(cluster: Cluster, mode: 'iptables' | 'nftables', overlay: boolean): Breakage[] {
  const inNode = (...command: string[]) => cluster.inNode('node-1', ...command);
  const ip = (...args: string[]) => inNode('ip', ...args);
  const nft = (script: string) => inNode('nft', script);
  const json = (kind: string, name: string, path: string) =>
    cluster.kubectl('get', kind, name, '-o', `jsonpath={${path}}`);
  const far = cluster.kubectl(
    'get',
    'pods',
    '-l',
    'app=web',
    '-o',
    'jsonpath={range .items[*]}{.spec.nodeName} {.status.podIP}{"\\n"}{end}',
  );
  const remote = /^node-2 (\S+)$/m.exec(far)?.[1] ?? '';
  const cidr = json('node', 'node-2', '.spec.podCIDR');
  const way = ip('route', 'show', cidr).trim().split(/\s+/);
  const shell = json('pod', 'shell', '.status.podIP');
  const link = / dev (\S+)/.exec(ip('route', 'show', `${shell}/32`))?.[1] ?? '';
  const shellRoute = [`${shell}/32`, 'dev', link, 'scope', 'link', 'proto', '99'];
  const filter = `net/ipv4/conf/${link}/rp_filter`;
  const filtered = inNode('sysctl', '-n', filter).trim();
  const wire = overlay ? 'portico.vxlan' : 'eth0';
  const mtu = inNode('cat', `/sys/class/net/${wire}/mtu`).trim();
  const saved =
    mode === 'iptables' ? inNode('iptables-save', '-t', 'nat') : inNode('nft', 'list', 'table', 'ip', 'portico');
  const put = (text: string) => {
    const input = mode === 'iptables' ? text : `delete table ip portico\n${text}`;
    const command = mode === 'iptables' ? ['iptables-restore'] : ['nft', '-f', '-'];
    const r = run('ip', ['netns', 'exec', cluster.netns('node-1'), ...command], { input });
    assert.equal(r.status, 0, r.stderr);
  };
  const rules = (broken: () => unknown) => ({ breakIt: broken, mendIt: () => put(saved) });
  const seps = [...saved.matchAll(/^-A (KUBE-SEP-\S+) .*"default\/web".* -j DNAT /gm)].map((match) => match[1] ?? '');
  return [
    {
      what: 'the rules that translate are gone',
      args: ['shell', `${json('service', 'web', '.spec.clusterIP')}:80`],
      ...rules(() =>
        mode === 'iptables'
          ? seps.forEach((chain) => inNode('iptables', '-t', 'nat', '-F', chain))
          : nft('flush map ip portico endpoints'),
      ),
      ...(mode === 'iptables'
        ? {
            code: 'not-translated' as const,
            sentence:
              /no rule on node-1 translated Service default\/web .* which has 2 ready endpoints: .* left by eth0/,
          }
        : {
            code: 'rejected-by-rule' as const,
            sentence:
              /no rule translates Service default\/web, which has 2 ready endpoints: refused on node-1 by ip portico/,
          }),
    },
    {
      what: 'nothing masquerades: the answer goes past the node that translated',
      args: ['external', 'node/node-1:30080'],
      ...rules(() =>
        mode === 'iptables'
          ? inNode('iptables', '-t', 'nat', '-F', 'KUBE-POSTROUTING')
          : nft('flush chain ip portico nat-postrouting'),
      ),
      code: 'asymmetric-return',
      sentence: /the reply came back from 10\.244\.\d+\.\d+:80 instead of 172\.30\.0\.11:30080/,
    },
    {
      what: 'the route to the pods of the other node is gone',
      args: ['shell', `${remote}:80`],
      breakIt: () => ip('route', 'del', cidr),
      mendIt: () => ip('route', 'add', ...way),
      code: 'no-route',
      sentence: /node-1 has no route to the pods of node-2: .* left by eth0 on the default route to 172\.30\.0\.1/,
    },
    {
      what: 'the route to the client is gone',
      args: ['shell', `${remote}:80`],
      breakIt: () => {
        inNode('sysctl', '-qw', `${filter}=0`);
        ip('route', 'del', ...shellRoute);
      },
      mendIt: () => {
        ip('route', 'add', ...shellRoute);
        inNode('sysctl', '-qw', `${filter}=${filtered}`);
      },
      code: 'no-route',
      sentence: new RegExp(
        `was answered, but node-1 has no route to ${shell.replaceAll('.', '\\.')}: the reply arrived on ${wire.replace('.', '\\.')}`,
      ),
    },
    {
      what: 'the kernel refuses the source address',
      args: ['shell', `${remote}:80`],
      breakIt: () => ip('route', 'del', ...shellRoute),
      mendIt: () => ip('route', 'add', ...shellRoute),
      code: 'lost',
      dropReason: 'IP_RPFILTER',
      sentence: /last seen on node node-1, lxc.* \(in\).* reverse-path filtering/,
    },
    {
      what: 'large packets do not fit, and nobody says so',
      args: ['shell', `${remote}:80`],
      breakIt: () => {
        nft(
          'add table ip fence; add chain ip fence out { type filter hook output priority 0; }; ' +
            'add rule ip fence out icmp type destination-unreachable icmp code frag-needed drop',
        );
        ip('link', 'set', wire, 'mtu', '1280');
      },
      mendIt: () => {
        ip('link', 'set', wire, 'mtu', mtu);
        nft('delete table ip fence');
      },
      code: 'mtu',
      sentence: new RegExp(
        `from pod default/shell got lost.* too big for ${wire.replace('.', '\\.')}, whose MTU is 1280`,
      ),
    },
    {
      what: "somebody else's rule refuses",
      args: ['shell', `${remote}:80`],
      breakIt: () =>
        mode === 'iptables'
          ? inNode('iptables', '-I', 'FORWARD', '-p', 'tcp', '--dport', '80', '-j', 'REJECT')
          : nft(
              'add table ip fence; add chain ip fence pass { type filter hook forward priority -5; }; add rule ip fence pass tcp dport 80 reject',
            ),
      mendIt: () =>
        mode === 'iptables'
          ? inNode('iptables', '-D', 'FORWARD', '-p', 'tcp', '--dport', '80', '-j', 'REJECT')
          : nft('delete table ip fence'),
      code: 'rejected-by-rule',
      sentence: /^refused on node-1 by ip (filter FORWARD|fence pass): .*, a rule that is not of the service proxy/,
    },
  ];
}
