// Pods of an Indexed job: which index each has, how often an index failed, and how the pod of an index looks. Pure.
import type { Job, Pod, core } from '../../api/objects.ts';
import type { PodTemplate } from '../runtime/pod-control.ts';

export const COMPLETION_INDEX = 'batch.kubernetes.io/job-completion-index';
const FAILURES = 'batch.kubernetes.io/job-index-failure-count';
const IGNORED = 'batch.kubernetes.io/job-index-ignored-failure-count';
const ENV = 'JOB_COMPLETION_INDEX';

export const isIndexed = (job: Job): boolean => job.spec?.completionMode === 'Indexed';

const whole = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;

/** Undefined: none that the job could have. */
export function indexOf(job: Job, pod: Pod): number | undefined {
  const index = whole(pod.metadata.annotations?.[COMPLETION_INDEX]);
  return index !== undefined && index < (job.spec?.completions ?? 0) ? index : undefined;
}

/** Failures of the index before this pod; `ignored` are those that the failure policy did not count. */
export interface IndexFailures {
  readonly counted: number;
  readonly ignored: number;
}

export const failuresBefore = ({ metadata }: Pod): IndexFailures => ({
  counted: whole(metadata.annotations?.[FAILURES]) ?? 0,
  ignored: whole(metadata.annotations?.[IGNORED]) ?? 0,
});

export interface WantedPod {
  /** Undefined: the pods of the job are all alike. */
  readonly index?: number;
  /** With a limit per index only. */
  readonly failures?: IndexFailures;
}

/** The template for the pod of an index, and the beginning of its name. */
export function indexedTemplate(
  job: Job,
  template: PodTemplate,
  { index, failures }: WantedPod,
): { template: PodTemplate; prefix: string } {
  const name = job.metadata.name;
  if (index === undefined) return { template, prefix: `${name}-` };
  const value = String(index);
  const { metadata, spec } = template;
  const withIndex = <T extends core.Container>(containers: readonly T[]): T[] =>
    containers.map((c) => ({ ...c, env: withIndexEnv(c.env ?? []) }));
  return {
    prefix: `${name}-${value}-`,
    template: {
      ...template,
      metadata: {
        ...metadata,
        labels: { ...metadata?.labels, [COMPLETION_INDEX]: value },
        annotations: {
          ...metadata?.annotations,
          [COMPLETION_INDEX]: value,
          ...(failures === undefined ? {} : { [FAILURES]: String(failures.counted) }),
          ...((failures?.ignored ?? 0) === 0 ? {} : { [IGNORED]: String(failures?.ignored) }),
        },
      },
      ...(spec === undefined
        ? {}
        : {
            spec: {
              ...spec,
              hostname: `${name}-${value}`,
              containers: withIndex(spec.containers),
              ...(spec.initContainers === undefined ? {} : { initContainers: withIndex(spec.initContainers) }),
            },
          }),
    },
  };
}

/** A variable of that name which the user set stays. */
function withIndexEnv(env: readonly core.EnvVar[]): core.EnvVar[] {
  if (env.some((e) => e.name === ENV)) return [...env];
  return [...env, { name: ENV, valueFrom: { fieldRef: { fieldPath: `metadata.labels['${COMPLETION_INDEX}']` } } }];
}
