// A mistake the user can mend: shown as one sentence, without a stack, with exit code 1.

/** `message` says what is wrong, where, and what to do. */
export class UserError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UserError';
  }
}

/** The text of anything thrown. */
export function errorText(e: unknown): string {
  return e instanceof Error ? e.message : String(e);
}
