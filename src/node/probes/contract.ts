// One attempt of a probe or a lifecycle hook. Types only.

export interface ProbeTarget {
  /** Address of the pod; of the node for a pod on the host network. */
  readonly ip: string;
  /** Named ports of the container. */
  readonly port: (nameOrNumber: string | number) => number;
  /** Runs a program in the container. */
  readonly exec: (argv: readonly string[], signal: AbortSignal) => Promise<{ exitCode: number; output: string }>;
}

export interface ProbeOutcome {
  readonly ok: boolean;
  /** What the target said, or what went wrong; '' when there is nothing to say. */
  readonly output: string;
}
