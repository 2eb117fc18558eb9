export { errorText, UserError } from './user-error.ts';
