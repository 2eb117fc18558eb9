// A client may come with a resourceVersion that another server gave it.
import { tooLargeResourceVersion } from '../../api/index.ts';
import { FutureRevisionError, type Store } from '../../store/index.ts';

/** Waits until this server has heard of the revision. @throws StatusError 504 when there is no such revision. */
export async function reach(store: Store, revision: number): Promise<void> {
  try {
    await store.reach(revision);
  } catch (error) {
    if (!(error instanceof FutureRevisionError)) throw error;
    throw tooLargeResourceVersion(revision, error.currentRevision);
  }
}
