// Runs a question through plugins in order.
import { Ede, Rcode } from '../dnswire/index.ts';
import { emptyAnswer } from './plugin.ts';
import type { Answer, DnsPlugin, Query } from './plugin.ts';

export type Resolve = (query: Query) => Promise<Answer>;

/** The plugins as one function; a question that nobody answers is refused. */
export function chainOf(plugins: readonly DnsPlugin[]): Resolve {
  const step = (at: number, query: Query): Promise<Answer> => {
    const plugin = plugins[at];
    if (plugin === undefined) return Promise.resolve(unanswered());
    return plugin.handle(query, (other) => step(at + 1, other ?? query));
  };
  return (query) => step(0, query);
}

const unanswered = (): Answer =>
  emptyAnswer(Rcode.REFUSED, '', { code: Ede.NOT_AUTHORITATIVE, text: 'no zone of this server holds the name' });
