// Whether an Indexed job has succeeded before all its indexes have, by `successPolicy`: pure.
import { parseIndexRanges, rangesSize } from '../../api/objects.ts';
import type { Job } from '../../api/objects.ts';

/** What is said of the rule that holds; undefined: none does. */
export function successBy(job: Job, completed: ReadonlySet<number>): string | undefined {
  if (completed.size === 0) return undefined;
  const holds = (job.spec?.successPolicy?.rules ?? []).findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined) return succeededCount !== undefined && completed.size >= succeededCount;
    const required = parseIndexRanges(succeededIndexes) ?? [];
    const reached = [...completed].filter((index) => required.some(([first, last]) => first <= index && index <= last));
    return required.length > 0 && reached.length >= (succeededCount ?? rangesSize(required));
  });
  return holds < 0 ? undefined : `Matched rules at index ${holds}`;
}
