// Which questions a server block takes (CoreDNS's `view`): those for which every expression is true.
import { parseNetwork, networkContains } from '../networks.ts';
import { parseExpression } from './expression.ts';
import type { Functions, Value } from './expression.ts';
import { ExpressionError } from './tokens.ts';

export interface ViewConfig {
  /** Label of metrics. */
  readonly name: string;
  /** All of them have to be true. */
  readonly when: readonly string[];
}

/** What a question shows before anybody answers it. */
export interface QuestionFacts {
  readonly id: number;
  readonly opcode: number;
  /** Lower case, with the closing dot. */
  readonly name: string;
  readonly type: string;
  readonly class: string;
  readonly clientAddress: string;
  readonly clientPort: number;
  readonly serverPort: number;
  readonly proto: 'udp' | 'tcp';
  /** Bytes of the packet. */
  readonly size: number;
  readonly bufsize: number;
  readonly dnssecOk: boolean;
}

const bare = (address: string): string => address.replaceAll(/[[\]]/g, '').replace(/^::ffff:(?=\d+\.)/, '');
const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);
const fact = (read: (facts: QuestionFacts) => Value) => ({ arity: 0, call: read });
const text = (value: Value): string => {
  if (typeof value === 'string') return value;
  throw new ExpressionError(`${String(value)} is no text`);
};

const FUNCTIONS: Functions<QuestionFacts> = {
  bufsize: fact((f) => f.bufsize),
  class: fact((f) => f.class),
  client_ip: fact((f) => bracketed(bare(f.clientAddress))),
  do: fact((f) => f.dnssecOk),
  id: fact((f) => f.id),
  name: fact((f) => f.name),
  opcode: fact((f) => f.opcode),
  port: fact((f) => String(f.clientPort)),
  proto: fact((f) => f.proto),
  server_port: fact((f) => String(f.serverPort)),
  size: fact((f) => f.size),
  type: fact((f) => f.type),
  incidr: {
    arity: 2,
    call: (_facts, [ip, network]) => {
      if (parseNetwork(text(network)) === undefined) throw new ExpressionError(`"${text(network)}" is no network`);
      return networkContains(text(network), bare(text(ip)));
    },
  },
  len: { arity: 1, call: (_facts, [value]) => (Array.isArray(value) ? value.length : text(value).length) },
  lower: { arity: 1, call: (_facts, [value]) => text(value).toLowerCase() },
  upper: { arity: 1, call: (_facts, [value]) => text(value).toUpperCase() },
};

/** A question to try an expression on. */
const SAMPLE: QuestionFacts = {
  id: 1,
  opcode: 0,
  name: 'example.org.',
  type: 'A',
  class: 'IN',
  clientAddress: '192.0.2.1',
  clientPort: 40_000,
  serverPort: 53,
  proto: 'udp',
  size: 40,
  bufsize: 512,
  dnssecOk: false,
};

/** @throws ExpressionError for what cannot be read, or is neither true nor false */
export function compileView(view: ViewConfig): (facts: QuestionFacts) => boolean {
  // It is a label of metrics.
  if (!/^[\w.-]+$/.test(view.name))
    throw new ExpressionError(`the name "${view.name}" may have letters, digits, _, - and . only`);
  const conditions = view.when.map((source) => {
    const condition = parseExpression(source, FUNCTIONS);
    const tried = condition(SAMPLE);
    if (typeof tried !== 'boolean') throw new ExpressionError(`"${source}" is neither true nor false`);
    return condition;
  });
  return (facts) => {
    try {
      return conditions.every((condition) => condition(facts) === true);
    } catch (error) {
      // A mistake that only this question shows: the block is not for it.
      if (error instanceof ExpressionError) return false;
      throw error;
    }
  };
}
