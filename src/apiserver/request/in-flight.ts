// Bounds how many requests are worked on at a time; long-running ones (watch, exec, logs) are counted but not bounded.
import { tooManyRequests } from '../../api/index.ts';

export interface InFlightLimits {
  readonly reads: number;
  readonly writes: number;
}

export class InFlight {
  readonly #limits: InFlightLimits;
  reads = 0;
  writes = 0;
  longRunning = 0;

  constructor(limits: InFlightLimits) {
    this.#limits = limits;
  }

  /** Undo it with the returned function. @throws StatusError 429 */
  enter(kind: 'read' | 'write' | 'long'): () => void {
    if (kind === 'long') {
      this.longRunning += 1;
      return () => void (this.longRunning -= 1);
    }
    if (kind === 'read') {
      if (this.reads >= this.#limits.reads) throw tooManyRequests();
      this.reads += 1;
      return () => void (this.reads -= 1);
    }
    if (this.writes >= this.#limits.writes) throw tooManyRequests();
    this.writes += 1;
    return () => void (this.writes -= 1);
  }
}
