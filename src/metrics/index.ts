export { Counter, exponentialBounds, Gauge, Histogram, Registry } from './registry.ts';
export type { Labels } from './registry.ts';
