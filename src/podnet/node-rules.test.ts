import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeRulesInput, planNodeRules } from './node-rules.ts';

const web = {
  ips: ['10.244.1.3', 'fd00::3'],
  hostPorts: [{ protocol: 'TCP', hostPort: 8080, containerPort: 80, hostIp: '' }],
} as const;

test('planNodeRules() without host ports and masquerade is nothing', () => {
  const plan = planNodeRules({ pods: [{ ips: ['10.244.1.3'], hostPorts: [] }] });
  assert.deepEqual(plan, [
    { family: 'ip', text: undefined },
    { family: 'ip6', text: undefined },
  ]);
  assert.equal(
    nodeRulesInput({ family: 'ip', text: undefined }),
    'table ip portico-podnet {}\ndelete table ip portico-podnet\n',
  );
});

test('planNodeRules() translates host ports, in each family that the pod has', () => {
  const [v4, v6] = planNodeRules({ pods: [web] });
  assert.match(
    v4?.text ?? '',
    /fib daddr type local ip daddr != 127\.0\.0\.0\/8 tcp dport 8080 dnat to 10\.244\.1\.3:80\n/,
  );
  assert.match(v4?.text ?? '', /ip saddr 10\.244\.1\.3 ip daddr 10\.244\.1\.3 ct status dnat masquerade/);
  assert.match(v6?.text ?? '', /ip6 daddr != ::1 tcp dport 8080 dnat to \[fd00::3\]:80\n/);
  const bound = {
    ...web,
    hostPorts: [{ protocol: 'UDP', hostPort: 53, containerPort: 5353, hostIp: '192.0.2.1' }],
  } as const;
  const [one, none] = planNodeRules({ pods: [bound] });
  assert.match(one?.text ?? '', /ip daddr 192\.0\.2\.1 udp dport 53 dnat to 10\.244\.1\.3:5353\n/);
  assert.equal(none?.text, undefined);
});

test('planNodeRules() masquerades what leaves the cluster', () => {
  const masquerade = {
    podCidrs: ['10.244.1.0/24'],
    inside: ['10.244.0.0/16', '10.96.0.0/12', '172.30.0.12', 'fd00::/48'],
  };
  const [v4, v6] = planNodeRules({ pods: [], masquerade });
  assert.match(
    v4?.text ?? '',
    /ip saddr \{ 10\.244\.1\.0\/24 \} ip daddr != \{ 10\.244\.0\.0\/16, 10\.96\.0\.0\/12, 172\.30\.0\.12, 224\.0\.0\.0\/4 \} masquerade/,
  );
  assert.equal(v6?.text, undefined);
});
