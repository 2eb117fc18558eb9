// The light door of the api room: kinds, resources, failures, selectors and small values, which every component needs.
// Schemas, rules, decoding and tables are behind index.ts: a process that only talks to a server never loads them.
export * from './kubernetes-version.ts';
export * from './types.ts';
export * from './resources.ts';
export * from './resource-lookup.ts';
export * from './status-error.ts';
export * from './json.ts';
export * from './copy-json.ts';
export * from './names.ts';
export * from './quantity.ts';
export * from './pod-requests.ts';
export * from './system-priority.ts';
export * from './volume-claims.ts';
export * from './job-indexes.ts';
export * from './int-or-string.ts';
export * from './age.ts';
export * from './go-duration.ts';
export * from './bootstrap-token.ts';
export * from './cron-schedule.ts';
export * from './select/label-selector.ts';
export * from './select/field-selector.ts';
export * from './select/node-selector.ts';
export { summarizePod } from './table/pod-columns.ts';
