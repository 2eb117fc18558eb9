// What `/metrics` and `/metrics/resource` of the node tell, under the names that kubelet gives them.
import type { Pod } from '../../api/objects.ts';
import { Counter, Gauge, Registry } from '../../metrics/index.ts';
import { namespaceOf } from '../pod/pod-spec.ts';
import type { Container, ContainerRuntime } from '../runtime/contract.ts';

type ContainerType = 'container' | 'init_container' | 'ephemeral_container';

/** What is counted as it happens; the rest is read when somebody asks. */
export class StartCounters {
  readonly started = new Counter('kubelet_started_containers_total', 'Containers that were started.');
  readonly failed = new Counter(
    'kubelet_started_containers_errors_total',
    'Containers that could not be started, by the reason of their waiting.',
  );

  succeed(type: ContainerType): void {
    this.started.inc({ container_type: type });
  }

  fail(type: ContainerType, code: string): void {
    this.failed.inc({ code, container_type: type });
  }
}

interface Node {
  readonly nodeName: string;
  readonly pods: () => readonly Pod[];
  readonly runtime: Pick<ContainerRuntime, 'containers' | 'usage'>;
}

const containersOf = ({ pods, runtime }: Node): { pod: Pod; container: Container }[] =>
  pods().flatMap((pod) => runtime.containers(pod.metadata.uid).map((container) => ({ pod, container })));

export function kubeletMetrics(node: Node, starts: StartCounters): string {
  const registry = new Registry();
  const gauge = (name: string, help: string) => registry.register(new Gauge(name, help));
  const all = containersOf(node);
  gauge('kubelet_node_name', "The node's name.").set(1, { node: node.nodeName });
  const isRunning = ({ container }: { container: Container }) => container.state === 'running';
  const running = new Set(all.filter(isRunning).map(({ pod }) => pod.metadata.uid));
  gauge('kubelet_running_pods', 'Pods with a running container.').set(running.size);
  const containers = gauge('kubelet_running_containers', 'Containers by their state.');
  const states = { created: 'starting', running: 'running', exited: 'exited' } as const;
  for (const [shown, state] of Object.entries(states)) {
    containers.set(all.filter(({ container }) => container.state === state).length, { container_state: shown });
  }
  registry.register(starts.started);
  registry.register(starts.failed);
  gauge('process_resident_memory_bytes', 'Memory of the agent.').set(process.memoryUsage.rss());
  const { user, system } = process.cpuUsage();
  registry.register(new Counter('process_cpu_seconds_total', 'CPU time of the agent.')).inc({}, (user + system) / 1e6);
  return registry.render();
}

/** CPU time and memory of every running container, and their sums by pod; nothing where cgroups do not tell. */
export function resourceMetrics(node: Node): string {
  const registry = new Registry();
  const counter = (name: string, help: string) => registry.register(new Counter(name, help));
  const cpu = counter('container_cpu_usage_seconds_total', 'CPU time of a container, in seconds.');
  const memory = registry.register(new Gauge('container_memory_working_set_bytes', 'Memory of a container.'));
  const start = registry.register(new Gauge('container_start_time_seconds', 'Start of a container, Unix time.'));
  const podCpu = counter('pod_cpu_usage_seconds_total', "CPU time of a pod's containers, in seconds.");
  const podMemory = registry.register(new Gauge('pod_memory_working_set_bytes', "Memory of a pod's containers."));
  for (const { pod, container } of containersOf(node)) {
    if (container.state !== 'running') continue;
    const ofPod = { namespace: namespaceOf(pod), pod: pod.metadata.name };
    const labels = { container: container.name, ...ofPod };
    const { cpuNanos, memoryBytes } = node.runtime.usage(container.id);
    start.set((container.startedAtMs ?? container.createdAtMs) / 1000, labels);
    if (cpuNanos !== undefined) {
      cpu.inc(labels, cpuNanos / 1e9);
      podCpu.inc(ofPod, cpuNanos / 1e9);
    }
    if (memoryBytes !== undefined) {
      memory.set(memoryBytes, labels);
      podMemory.inc(ofPod, memoryBytes);
    }
  }
  registry.register(new Gauge('resource_scrape_error', '1 if the figures could not be read.')).set(0);
  return registry.render();
}
