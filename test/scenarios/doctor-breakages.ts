// `portico doctor` on a running cluster: sound at first; then each thing broken on purpose is named, and `--fix` mends
// what is safe in the cluster's own namespaces.
import assert from 'node:assert/strict';
import process from 'node:process';

import type { DoctorReport, Finding } from '../../src/trace/index.ts';
import { must, portico, run } from './cluster-fixture.ts';
import type { Cluster } from './cluster-fixture.ts';

interface Examined {
  readonly status: number;
  readonly wrong: readonly string[];
  readonly fixed: readonly string[];
}

export function checkDoctor(cluster: Cluster): void {
  const doctor = (...args: string[]): Examined => {
    const r = run(portico, ['doctor', ...cluster.flags, '--json', ...args]);
    assert.notEqual(r.stdout, '', r.stderr);
    const { findings, fixed } = JSON.parse(r.stdout) as DoctorReport;
    return { status: r.status, wrong: findings.filter(isOurs).map(text), fixed };
  };
  // Leftovers and firewalls of other people on the same machine are not this cluster's.
  const isOurs = ({ level, check, what }: Finding) =>
    level !== 'ok' && (check !== 'leftovers' || what.includes(cluster.name));
  const sound = doctor();
  assert.deepEqual(sound, { status: 0, wrong: [], fixed: [] });

  const ghost = `${cluster.name}-ghost`;
  const set = (node: string, ...settings: string[]) => cluster.inNode(node, 'sysctl', '-qw', ...settings);
  // The agents would mend some of it themselves.
  const agents = ['node-1', 'node-2'].map((node) => cluster.pid(`agent-${node}`));
  for (const agent of agents) process.kill(agent, 'SIGSTOP');
  try {
    set('node-1', 'net.ipv4.ip_forward=0', 'net.ipv4.conf.all.rp_filter=1');
    set('node-2', 'net.ipv4.conf.eth0.rp_filter=1', 'net/ipv4/conf/portico.vxlan/rp_filter=1');
    cluster.inNode('node-2', 'ip', 'link', 'set', 'eth0', 'mtu', '1400');
    cluster.inNode(
      'node-2',
      'nft',
      'add table inet fence; add chain inet fence pass { type filter hook forward priority 0; policy drop; }',
    );
    const cidr = cluster.kubectl('get', 'node', 'node-1', '-o', 'jsonpath={.spec.podCIDR}');
    const way = cluster.inNode('node-2', 'ip', 'route', 'show', cidr).trim().split(/\s+/);
    cluster.inNode('node-2', 'ip', 'route', 'del', cidr);
    must('ip', ['netns', 'add', `${ghost}-node-1`]);
    try {
      const broken = doctor();
      assert.equal(broken.status, 1);
      const expected = [
        /^fail node-1 net\.ipv4\.ip_forward: is 0: packets of pods do not leave the node/,
        /^fail node-1 net\.ipv4\.conf\.all\.rp_filter: is 1: strict/,
        /^fail node-2 net\.ipv4\.conf\.eth0\.rp_filter: is 1: strict/,
        /^fail node-2 rp_filter of the overlay: is 1 on portico\.vxlan/,
        /^fail node-2 mtu: eth0 has 1400, and the other end of the wire 1500/,
        /^warn node-2 other firewalls: inet fence pass \(forward, policy drop\)/,
        /^warn node-2 routes and rules: \d+ differ from what should be, such as /,
        new RegExp(`^warn host leftovers: network namespaces of cluster ${ghost}, which is no more: ${ghost}-node-1`),
      ];
      for (const line of expected) {
        assert.ok(
          broken.wrong.some((found) => line.test(found)),
          `${line} in\n${broken.wrong.join('\n')}`,
        );
      }
      assert.deepEqual(broken.fixed, []);

      const mended = doctor('--fix');
      assert.equal(mended.fixed.length, 5, mended.fixed.join('\n'));
      assert.equal(mended.status, 0, mended.wrong.join('\n'));
      assert.deepEqual(
        mended.wrong.map((line) => line.replace(/: .*/, '')),
        ['warn host leftovers', 'warn node-2 other firewalls', 'warn node-2 routes and rules'],
        'what belongs to others, and what is removed or mended otherwise, stays',
      );
      // As it says: this removes what the ghost left, and nothing else.
      must(portico, ['down', '--name', ghost]);
    } finally {
      run('ip', ['netns', 'delete', `${ghost}-node-1`]);
      cluster.inNode('node-2', 'nft', 'delete table inet fence');
      cluster.inNode('node-2', 'ip', 'route', 'replace', ...way);
    }
    assert.deepEqual(doctor().wrong, []);
  } finally {
    for (const agent of agents) process.kill(agent, 'SIGCONT');
  }

  const none = run(portico, ['doctor', '--name', `${cluster.name}-none`]);
  assert.match(none.stdout, /^ok {3}host: programs: all there\n/);
  assert.match(none.stdout, /^(ok {3}|fail )host: kernel: /m);
}

const text = ({ level, where, check, what }: Finding): string => `${level} ${where} ${check}: ${what}`;
