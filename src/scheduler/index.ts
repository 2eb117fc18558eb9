// The door of the scheduler room.
export { startScheduler } from './scheduler.ts';
export type { Scheduler, SchedulerOptions } from './scheduler.ts';
export { placePod } from './place-pod.ts';
export type { Placement } from './place-pod.ts';
