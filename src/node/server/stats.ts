// What `/stats/summary` tells: CPU time and memory of the node's containers.
import { formatTime } from '../pod/container-status.ts';
import { namespaceOf } from '../pod/pod-spec.ts';
import type { KubeletServerOptions } from './kubelet-server.ts';

export function podStats(o: Pick<KubeletServerOptions, 'nodeName' | 'pods' | 'runtime' | 'clock'>): unknown {
  const time = formatTime(o.clock.now());
  return {
    node: { nodeName: o.nodeName, startTime: time },
    pods: o.pods().map((pod) => ({
      podRef: { name: pod.metadata.name, namespace: namespaceOf(pod), uid: pod.metadata.uid },
      startTime: pod.status?.startTime,
      containers: o.runtime
        .containers(pod.metadata.uid)
        .filter((c) => c.state === 'running')
        .map((c) => {
          const { cpuNanos, memoryBytes } = o.runtime.usage(c.id);
          return {
            name: c.name,
            startTime: formatTime(c.startedAtMs ?? c.createdAtMs),
            cpu: { time, ...(cpuNanos === undefined ? {} : { usageCoreNanoSeconds: cpuNanos }) },
            memory: {
              time,
              ...(memoryBytes === undefined ? {} : { usageBytes: memoryBytes, workingSetBytes: memoryBytes }),
            },
          };
        }),
    })),
  };
}
