// Metrics are prom-client's: one Registry a process, passed to the rooms that count. No default metrics: every
// component names its own.
export { Counter, Gauge, Histogram, Registry } from 'prom-client';
