// A Service that asks for what cannot be allocated may be wrong in other ways too: whoever creates one learns of all at once.
// DIFFERS: Kubernetes tells of what it could not allocate alone, and of the rest when that is mended.
import { invalid, StatusError, type FieldError, type Resource, type StatusCause } from '../../api/index.ts';

/** Fields that allocation fills in: that they are missing when it failed is no fault of the client. */
const FILLED_IN: ReadonlySet<string> = new Set(['spec.healthCheckNodePort', 'spec.clusterIPs']);

/** `failure`, with the causes that validation found beside it when it is an Invalid itself. */
export function withOtherCauses(
  failure: unknown,
  resource: Pick<Resource, 'group' | 'kind'>,
  name: string,
  errors: readonly FieldError[],
): unknown {
  if (!(failure instanceof StatusError) || failure.status.reason !== 'Invalid') return failure;
  const found = failure.status.details?.causes ?? [];
  const more = errors.filter((e) => !(e.type === 'Required value' && FILLED_IN.has(e.field)));
  const validated = invalid(resource, name, more).status.details?.causes ?? [];
  const same = (a: StatusCause) => (b: StatusCause) => a.field === b.field && a.message === b.message;
  const causes = [...found, ...validated.filter((cause) => !found.some(same(cause)))];
  const texts = causes.map((c) => `${c.field}: ${c.message}`);
  const { code, reason, message = '', details } = failure.status;
  const head = message.slice(0, message.indexOf(' is invalid: '));
  const text = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return new StatusError(code, reason, `${head} is invalid: ${text}`, { ...details, causes });
}
