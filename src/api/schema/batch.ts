// Types of batch/v1. The notation is explained in schema.ts.
export const batchTypes = `
kind Job | Runs pods until enough of them have succeeded.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec JobSpec embedded | What is wanted.
  3 status JobStatus embedded | What is observed, written by controllers.
type JobSpec | What the pods look like, how many must succeed, and when to give up.
  1 parallelism int32? | Pods that may run at the same time; 1 unless set.
  2 completions int32? | Pods that must succeed; absent: one success is enough, and no pod follows it.
  3 activeDeadlineSeconds int64? | Seconds after which the job fails, whatever it has reached.
  11 podFailurePolicy PodFailurePolicy | What a failed pod means for the job.
  16 successPolicy SuccessPolicy | When an indexed job has succeeded before all its pods have.
  7 backoffLimit int32? | Failures after which the job fails; 6 unless set.
  12 backoffLimitPerIndex int32? | Failures of one index after which it fails.
  13 maxFailedIndexes int32? | Failed indexes after which the job fails.
  4 selector meta.LabelSelector | Labels of its pods; set by the server.
  5 manualSelector bool? | True: the client chooses the selector, and answers for its being unique.
  6 template core.PodTemplateSpec embedded required | What each pod made from this looks like; restartPolicy is Never or OnFailure.
  8 ttlSecondsAfterFinished int32? | Seconds after its end when the job is deleted.
  9 completionMode string? | NonIndexed: pods are alike. Indexed: each has a number.
  10 suspend bool? | True: no pods run.
  14 podReplacementPolicy string? | When a pod is replaced: TerminatingOrFailed or Failed.
  15 managedBy string? | Controller that looks after the job, if not this server's.
type PodFailurePolicy
  1 rules []PodFailurePolicyRule required atomic | The first that fits counts.
type PodFailurePolicyRule
  1 action string required | FailJob, FailIndex, Ignore or Count.
  2 onExitCodes PodFailurePolicyOnExitCodesRequirement | Fits by exit codes of containers.
  3 onPodConditions []PodFailurePolicyOnPodConditionsPattern atomic | Fits by conditions of the pod.
type PodFailurePolicyOnExitCodesRequirement
  1 containerName string? | Which container; absent means all.
  2 operator string required | In or NotIn.
  3 values []int32 required set | Exit codes.
type PodFailurePolicyOnPodConditionsPattern
  1 type string required | Which kind of thing this is.
  2 status string | True, False or Unknown.
type SuccessPolicy
  1 rules []SuccessPolicyRule required atomic | One that holds is enough.
type SuccessPolicyRule
  1 succeededIndexes string? | Indexes that must have succeeded, such as 1,3-5.
  2 succeededCount int32? | How many of them.
type JobStatus | How far it has come.
  1 conditions []JobCondition atomic merge=type | Facts about the state, one a type.
  2 startTime time | When its pods were first looked after.
  3 completionTime time | When it succeeded.
  4 active int32 | Pods that run or wait.
  5 succeeded int32 | Pods that succeeded.
  6 failed int32 | Pods that failed.
  11 terminating int32? | Pods on their way out.
  7 completedIndexes string | Indexes that succeeded.
  10 failedIndexes string? | Indexes that failed.
  8 uncountedTerminatedPods UncountedTerminatedPods | Pods that have ended and stand in no number yet.
  9 ready int32? | Pods that are ready.
type UncountedTerminatedPods
  1 succeeded []string set | Unique ids of pods.
  2 failed []string set | Unique ids of pods.
type JobCondition | One fact about a job: Complete, Failed, Suspended, …
  1 type string required | Which kind of thing this is.
  2 status string required | True, False or Unknown.
  3 lastProbeTime time | When it was last looked at.
  4 lastTransitionTime time | When the status last changed from one value to another.
  5 reason string | Why, as one CamelCase word for programs.
  6 message string | Why, for people.
type JobTemplateSpec | What each job made from this looks like.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec JobSpec embedded | What is wanted.
kind CronJob | Makes jobs at times of a schedule.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec CronJobSpec embedded required | What is wanted.
  3 status CronJobStatus embedded | What is observed, written by controllers.
type CronJobSpec | When jobs are made, and what they look like.
  1 schedule string required | Minute, hour, day of month, month, day of week, as in cron; or @daily and the like.
  8 timeZone string? | Name of the time zone of the schedule; that of the server unless set.
  2 startingDeadlineSeconds int64? | Seconds by which a job may be late; a later one is left out.
  3 concurrencyPolicy string | Allow, Forbid or Replace a job while the one before still runs.
  4 suspend bool? | True: no jobs are made.
  5 jobTemplate JobTemplateSpec embedded required | What each job made from this looks like.
  6 successfulJobsHistoryLimit int32? | Successful jobs that are kept; 3 unless set.
  7 failedJobsHistoryLimit int32? | Failed jobs that are kept; 1 unless set.
type CronJobStatus
  1 active []core.ObjectReference atomic | Jobs that run.
  4 lastScheduleTime time | Time of the schedule that was served last.
  5 lastSuccessfulTime time | When a job last succeeded.
`;
