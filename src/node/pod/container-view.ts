// What the agent knows of one container of a pod: what runs, what ran before, what it waits for. Types only.
import type { Container } from '../runtime/contract.ts';

export interface ContainerView {
  /** The newest attempt. */
  readonly current?: Container;
  readonly previous?: Container;
  /** Why it does not run although it should. */
  readonly waiting?: { readonly reason: string; readonly message: string };
  /** Has passed its startup probe, or has none and runs. */
  readonly started: boolean;
  /** Passes its readiness probe, or has none and has started. */
  readonly ready: boolean;
  /** Is being ended by the agent. */
  readonly ending: boolean;
}

export type ContainerViews = ReadonlyMap<string, ContainerView>;
