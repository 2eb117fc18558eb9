// A request for a resource after routing: everything a verb needs to know about it, nothing of its transport.
import type { KindStrategy, Resource } from '../../api/index.ts';
import type { User } from '../contract.ts';

export interface ResourceRequest {
  readonly resource: Resource;
  readonly strategy: KindStrategy;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly user: User;
  readonly body: unknown;
  readonly signal: AbortSignal;
  /** Texts for the client, collected on the way. */
  readonly warnings: string[];
}

/** Who is recorded as the writer of fields: the query's fieldManager, else the program that asks. */
export function fieldManagerOf(request: Pick<ResourceRequest, 'query' | 'headers'>): string {
  const asked = request.query.get('fieldManager') ?? '';
  if (asked !== '') return asked;
  const agent = request.headers['user-agent'] ?? '';
  return agent.split('/')[0]?.slice(0, 128) || 'unknown';
}

export const isDryRun = (query: URLSearchParams): boolean => query.getAll('dryRun').includes('All');
