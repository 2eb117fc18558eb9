// The door of the api room.
export * from './types.ts';
export * from './resources.ts';
export * from './status-error.ts';
