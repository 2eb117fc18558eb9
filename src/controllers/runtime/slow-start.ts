// Many requests of one kind in growing batches: if the first fails (a quota, say) the others are not even tried.

const BURST = 500;

/** Runs `request` `count` times in batches of 1, 2, 4 …; stops after a batch with a failure. Returns the first error. */
export async function slowStart(
  count: number,
  request: (i: number) => Promise<void>,
): Promise<{ succeeded: number; error: unknown }> {
  let done = 0;
  let succeeded = 0;
  const total = Math.min(count, BURST);
  for (let size = 1; done < total; size *= 2) {
    const batch = Math.min(size, total - done);
    const results = await Promise.allSettled(Array.from({ length: batch }, (_, i) => request(done + i)));
    done += batch;
    const failed = results.find((r) => r.status === 'rejected');
    succeeded += results.filter((r) => r.status === 'fulfilled').length;
    if (failed !== undefined) return { succeeded, error: failed.reason };
  }
  return { succeeded, error: undefined };
}
