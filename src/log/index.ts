export { createLogger, silentLogger } from './logger.ts';
export type { Fields, Level, Logger, LoggerOptions } from './logger.ts';
