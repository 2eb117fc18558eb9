// An answer of the agent's server that is a failure of the client, not of the agent.
export class HttpError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}
