import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { core, Node, Pod } from '../../api/objects.ts';
import { rejectionOf } from './admission.ts';

const metadata = (name: string) => ({ name, namespace: 'ns', uid: name, resourceVersion: '1', creationTimestamp: '' });

function pod(name: string, spec: Partial<core.PodSpec> = {}): Pod {
  return { apiVersion: 'v1', kind: 'Pod', metadata: metadata(name), spec: { containers: [], ...spec } };
}

const asks = (requests: Record<string, string>, ports: core.ContainerPort[] = []): Partial<core.PodSpec> => ({
  containers: [{ name: 'c', resources: { requests }, ports }],
});

const node: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { ...metadata('n'), labels: { disk: 'ssd' } },
  spec: { taints: [{ key: 'down', effect: 'NoExecute' }] },
  status: { allocatable: { cpu: '2', memory: '1Gi', pods: '2' } },
};
const tolerations = [{ operator: 'Exists' }];
const hostPort = (port: number, hostIP?: string) =>
  asks({}, [{ containerPort: 80, hostPort: port, ...(hostIP === undefined ? {} : { hostIP }) }]);

test('a node refuses what does not fit it, in the words of kubelet', () => {
  const one = pod('one', { ...asks({ cpu: '1500m', memory: '100Mi' }), tolerations });
  const port = pod('port', hostPort(8080, '192.0.2.1'));
  const cases: [spec: Partial<core.PodSpec>, others: Pod[], reason: string | undefined, message?: string][] = [
    [{}, [one], undefined],
    [{}, [one, one], 'OutOfpods', "Node didn't have enough resource: pods, requested: 1, used: 2, capacity: 2"],
    [asks({ cpu: '500m' }), [one], undefined],
    [
      asks({ cpu: '600m' }),
      [one],
      'OutOfcpu',
      "Node didn't have enough resource: cpu, requested: 600, used: 1500, capacity: 2000",
    ],
    [
      asks({ memory: '2Gi' }),
      [],
      'OutOfmemory',
      "Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1073741824",
    ],
    [
      asks({ 'example.com/gpu': '1' }),
      [],
      'OutOfexample.com/gpu',
      "Node didn't have enough resource: example.com/gpu, requested: 1, used: 0, capacity: 0",
    ],
    [{ nodeSelector: { disk: 'ssd' } }, [], undefined],
    [
      { nodeSelector: { disk: 'hdd' } },
      [],
      'NodeAffinity',
      "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    ],
    [
      hostPort(8080),
      [port],
      'NodePorts',
      "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    ],
    [hostPort(8080, '192.0.2.2'), [port], undefined],
    [
      { tolerations: [] },
      [],
      'TaintToleration',
      "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
    ],
  ];
  for (const [spec, others, reason, message] of cases) {
    const found = rejectionOf(pod('new', { tolerations, ...spec }), node, others);
    assert.deepEqual(found, reason === undefined ? undefined : { reason, message }, JSON.stringify(spec));
  }
});
