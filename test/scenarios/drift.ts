// What `portico inspect` finds of what is broken on purpose on a live cluster: routes, neighbours, devices of the overlay,
// rules and elements deleted, wrong and stale, each with the command that shows it; and nothing once they are mended.
import assert from 'node:assert/strict';
import process from 'node:process';

import type { NodeInspection, PodInspection } from '../../src/trace/index.ts';
import { eventually, must, portico, run } from './cluster-fixture.ts';
import type { Cluster } from './cluster-fixture.ts';

interface Differences {
  readonly drift: boolean;
  /** `layer: what` of each network row that differs, and each problem of rules. */
  readonly list: readonly string[];
  readonly commands: readonly string[];
  readonly status: number;
}

function inspect(cluster: Cluster, kind: 'pod' | 'node', name: string): Differences {
  const r = run(portico, ['inspect', ...cluster.flags, '-o', 'json', kind, name]);
  assert.notEqual(r.stdout, '', r.stderr);
  const seen = JSON.parse(r.stdout) as NodeInspection | PodInspection;
  const wrong = seen.network.filter((check) => !check.ok);
  const rules = 'rules' in seen ? seen.rules : [];
  const problems = 'services' in seen ? seen.services.flatMap((service) => service.problems) : [];
  return {
    drift: seen.drift,
    status: r.status,
    list: [
      ...wrong.map((check) => `${check.where} ${check.layer} ${check.what}: ${check.found}`),
      ...rules.flatMap((rule) => rule.problems.map((problem) => `${rule.address}: ${problem}`)),
      ...problems,
    ],
    commands: [...wrong.map((check) => check.command), ...rules.map((rule) => rule.command)],
  };
}

interface Breakage {
  readonly expected: RegExp;
  readonly breakIt: () => unknown;
  readonly mendIt: () => unknown;
}

/** Breaks everything at once: a node whose agent stands still for long is no longer ready, which changes what should be. */
function finds(look: () => Differences, breakages: readonly Breakage[]): void {
  for (const { breakIt } of breakages) breakIt();
  const broken = look();
  for (const { mendIt } of breakages.toReversed()) mendIt();
  const mended = look();
  assert.ok(broken.drift && broken.status === 1, `exit ${broken.status}`);
  for (const { expected } of breakages) {
    assert.ok(
      broken.list.some((line) => expected.test(line)),
      `${expected} in\n${broken.list.join('\n')}`,
    );
  }
  // What it says to type shows something, and does not fail.
  for (const command of new Set(broken.commands)) {
    assert.doesNotMatch(run('sh', ['-c', command]).stderr, /not found|unknown|usage/i, command);
  }
  assert.deepEqual(mended.list, []);
  assert.equal(mended.status, 0);
}

/** Wants two pods `app=web` behind the Service `web` on port 80, one of them on node-1, and a pod `shell` there. */
export async function checkDrift(
  cluster: Cluster,
  network: 'native' | 'vxlan',
  mode: 'iptables' | 'nftables',
): Promise<void> {
  const node = () => inspect(cluster, 'node', 'node-1');
  const pod = () => inspect(cluster, 'pod', 'shell');
  await eventually('a sound node', () => (node().drift ? undefined : true));
  for (const look of [node, pod]) assert.deepEqual(look(), { drift: false, status: 0, list: [], commands: [] });

  const names = cluster.kubectl(
    'get',
    'nodes',
    '-o',
    'jsonpath={range .items[*]}{.metadata.name} {.spec.podCIDR}{"\\n"}{end}',
  );
  const cidr = (name: string) => new RegExp(`^${name} (\\S+)$`, 'm').exec(names)?.[1] ?? '';
  const ip = (...args: string[]) => must('ip', ['-n', cluster.netns('node-1'), ...args]);
  const shellIp = cluster.kubectl('get', 'pod', 'shell', '-o', 'jsonpath={.status.podIP}');
  const link = / dev (\S+)/.exec(ip('route', 'show', `${shellIp}/32`))?.[1] ?? '';
  const way = ip('route', 'show', cidr('node-2')).trim().split(/\s+/);
  // The agent would mend it at once.
  const agent = cluster.pid('agent-node-1');
  process.kill(agent, 'SIGSTOP');
  try {
    const stale = ['10.244.77.0/24', 'via', '172.30.0.12', 'proto', '99'];
    const thief = [cidr('node-2').replace('.0/24', '.9/32'), 'via', '172.30.0.2'];
    const mac = /lladdr (\S+)/.exec(ip('neigh', 'show', shellIp, 'dev', link))?.[1] ?? '';
    const neighbor = (m: string) => ip('neigh', 'replace', shellIp, 'lladdr', m, 'dev', link, 'nud', 'permanent');
    const route = [`${shellIp}/32`, 'dev', link, 'scope', 'link', 'proto', '99'];
    finds(node, [
      {
        breakIt: () => ip('route', 'del', cidr('node-2')),
        mendIt: () => ip('route', 'add', ...way),
        expected: /route .*pods of node-2: nothing/,
      },
      {
        breakIt: () => ip('route', 'add', ...stale),
        mendIt: () => ip('route', 'del', ...stale),
        expected: /route 10\.244\.77\.0\/24: no node and no pod/,
      },
      {
        breakIt: () => ip('route', 'add', ...thief),
        mendIt: () => ip('route', 'del', ...thief),
        expected: /takes what belongs to pods/,
      },
      ...(network === 'vxlan' ? overlayBreakages(cluster, ip) : []),
      ...ruleBreakages(cluster, mode),
    ]);
    if (mode === 'nftables') finds(node, [hairpinBreakage(cluster)]);
    const inside = cluster.podNetns('shell');
    const gateway = ['default', 'via', '169.254.1.1', 'dev', 'eth0', 'proto', 'static'];
    const inPod = (...args: string[]) => must('ip', ['-n', inside, ...args]);
    finds(pod, [
      {
        breakIt: () => neighbor('02:00:00:00:00:01'),
        mendIt: () => neighbor(mac),
        expected: /neighbour .*default\/shell: 02:00/,
      },
      {
        breakIt: () => ip('route', 'del', ...route),
        mendIt: () => ip('route', 'add', ...route),
        expected: /route .*pod default\/shell: nothing/,
      },
      {
        breakIt: () => inPod('route', 'del', ...gateway),
        mendIt: () => inPod('route', 'add', ...gateway),
        expected: /default: the way out: nothing/,
      },
    ]);
  } finally {
    process.kill(agent, 'SIGCONT');
  }
}

function overlayBreakages(cluster: Cluster, ip: (...args: string[]) => string): Breakage[] {
  const bridge = (...args: string[]) => must('bridge', ['-n', cluster.netns('node-1'), 'fdb', ...args]);
  const [, mac = '', dst = ''] = /(\S+) dst (\S+)/.exec(bridge('show', 'dev', 'portico.vxlan')) ?? [];
  const entry = (to: string) => bridge('replace', mac, 'dev', 'portico.vxlan', 'dst', to, 'self', 'permanent');
  return [
    {
      breakIt: () => entry('172.30.0.99'),
      mendIt: () => entry(dst),
      expected: /forwarding .*envelopes to node-2: 172\.30\.0\.99/,
    },
    {
      breakIt: () => ip('link', 'set', 'portico.vxlan', 'mtu', '1400'),
      mendIt: () => ip('link', 'set', 'portico.vxlan', 'mtu', '1450'),
      expected: /device portico\.vxlan: MTU.*: 1400/,
    },
  ];
}

const NODES_AND_ADDRESSES = 'jsonpath={range .items[*]}{.spec.nodeName} {.status.podIP}{"\\n"}{end}';

/** A rule of iptables-save without its verb, as arguments. */
const wordsOf = (rule = ''): string[] =>
  (rule.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', '')).slice(1);

/** By itself: the endpoint has to be one that is still translated to. */
function hairpinBreakage(cluster: Cluster): Breakage {
  const inNode = (...command: string[]) => cluster.inNode('node-1', ...command);
  const hairpins = inNode('nft', 'list', 'set', 'ip', 'portico', 'hairpins');
  const hairpin = /(\S+) \. \1 \. tcp \. 80/.exec(hairpins)?.[0] ?? '';
  const itself = (verb: string) => inNode('nft', verb, 'element', 'ip', 'portico', 'hairpins', `{ ${hairpin} }`);
  return {
    breakIt: () => itself('delete'),
    mendIt: () => itself('add'),
    expected: /is not masqueraded when it reaches itself/,
  };
}

/** An endpoint taken out of the kernel, one that is none, and an address that no Service has. */
function ruleBreakages(cluster: Cluster, mode: 'iptables' | 'nftables'): Breakage[] {
  const vip = cluster.kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
  const inNode = (...command: string[]) => cluster.inNode('node-1', ...command);
  const nobody = /10\.96\.7\.7:80\/tcp: no Service has this address/;
  if (mode === 'iptables') {
    const nat = (...args: string[]) => inNode('iptables', '-t', 'nat', ...args);
    const near = cluster.kubectl('get', 'pods', '-l', 'app=web', '-o', NODES_AND_ADDRESSES);
    const local = /^node-1 (\S+)$/m.exec(near)?.[1] ?? '';
    const saved = cluster.natRules('node-1');
    const ofEndpoint = saved.filter((line) => line.startsWith('-A KUBE-SEP-'));
    const hairpinRule = ofEndpoint.find((line) => line.includes(`-s ${local}/32`)) ?? '';
    const hairpin = wordsOf(hairpinRule);
    // Of another endpoint: one that is not translated to needs no masquerading either.
    const [, itsChain = ''] = hairpinRule.split(' ');
    const words = wordsOf(ofEndpoint.find((line) => line.includes('-j DNAT') && !line.includes(itsChain)));
    const wayOut = wordsOf(saved.find((line) => line.startsWith('-A POSTROUTING')));
    const alien = ['KUBE-SERVICES', '-d', '10.96.7.7', '-p', 'tcp', '--dport', '80', '-j', 'KUBE-MARK-MASQ'];
    return [
      { breakIt: () => nat('-D', ...words), mendIt: () => nat('-A', ...words), expected: /translates nothing/ },
      {
        breakIt: () => nat('-D', ...hairpin),
        mendIt: () => nat('-I', ...hairpin),
        expected: /is not masqueraded when it reaches itself/,
      },
      {
        breakIt: () => nat('-D', ...wayOut),
        mendIt: () => nat('-A', ...wayOut),
        expected: /every Service: nothing leads from POSTROUTING to KUBE-POSTROUTING/,
      },
      { breakIt: () => nat('-I', ...alien), mendIt: () => nat('-D', ...alien), expected: nobody },
    ];
  }
  const element = (verb: string, ...data: string[]) =>
    inNode('nft', verb, 'element', 'ip', 'portico', 'endpoints', `{ ${data.join(' ')} }`);
  const map = inNode('nft', 'list', 'map', 'ip', 'portico', 'endpoints');
  const of = (slot: number) =>
    new RegExp(`(${vip.replaceAll('.', '\\.')} \\. tcp \\. 80 \\. ${slot}) : (\\S+ \\. \\d+)`).exec(map) ?? [];
  const [, first = '', target = ''] = of(0);
  const [, second = '', other = ''] = of(1);
  const alien = '10.96.7.7 . tcp . 80 . 0';
  return [
    {
      breakIt: () => element('delete', first),
      mendIt: () => element('add', first, ':', target),
      expected: /gets no connections|has no element/,
    },
    {
      breakIt: () => (element('delete', second), element('add', second, ': 10.9.9.9 . 80')),
      mendIt: () => (element('delete', second), element('add', second, ':', other)),
      expected: /10\.9\.9\.9:80 gets connections and is no usable endpoint/,
    },
    {
      breakIt: () => element('add', alien, ': 10.9.9.9 . 80'),
      mendIt: () => element('delete', alien),
      expected: nobody,
    },
  ];
}
