// What a page may ask to be traced, read from the body of its request. Pure.
import { UserError } from '../../errors/index.ts';
import type { TraceOrder } from '../contract.ts';

const LONGEST = 300;
const MOST_CONNECTIONS = 20;
const LONGEST_WAIT_SECONDS = 30;

/** @throws UserError that says what is wrong with it */
export function parseTraceOrder(body: string): TraceOrder {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    throw new UserError('the body is not JSON', { cause });
  }
  if (typeof value !== 'object' || value === null) throw new UserError('the body is not a JSON object');
  const fields = value as Readonly<Record<string, unknown>>;
  const from = textField(fields, 'from');
  const to = textField(fields, 'to');
  if (from === undefined || to === undefined) throw new UserError('give both from and to');
  const namespace = textField(fields, 'namespace');
  const protocol = textField(fields, 'protocol');
  if (protocol !== undefined && protocol !== 'tcp' && protocol !== 'udp') {
    throw new UserError(`protocol ${JSON.stringify(protocol)}: choose tcp or udp`);
  }
  const count = numberField(fields, 'count', MOST_CONNECTIONS);
  const timeoutSeconds = numberField(fields, 'timeoutSeconds', LONGEST_WAIT_SECONDS);
  return {
    from,
    to,
    ...(count === undefined ? {} : { count }),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(protocol === undefined ? {} : { protocol }),
  };
}

function textField(fields: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value !== '' && value.length <= LONGEST) return value;
  throw new UserError(`${name} is no text of 1 to ${LONGEST} characters`);
}

function numberField(fields: Readonly<Record<string, unknown>>, name: string, most: number): number | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new UserError(`${name} is no whole number from 1 to ${most}`);
}
