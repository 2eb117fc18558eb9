import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StatusError } from '../../api/index.ts';
import { checkLogQuery } from './log-query.ts';

function said(query: string): string {
  try {
    checkLogQuery(new URLSearchParams(query), 'p');
    return '';
  } catch (error) {
    return error instanceof StatusError ? `${error.code} ${error.message}` : String(error);
  }
}
const is = (text: string) => `422 PodLogOptions "p" is invalid: ${text}`;

void describe('a log query', () => {
  const rows: Readonly<Record<string, string>> = {
    'follow=true&tailLines=0&limitBytes=1&sinceSeconds=1': '',
    'tailLines=&sinceTime=2026-01-01T00:00:00Z': '',
    'tailLines=-1': is('tailLines: Invalid value: -1: must be greater than or equal to 0'),
    'limitBytes=0': is('limitBytes: Invalid value: 0: must be greater than 0'),
    'sinceSeconds=0': is('sinceSeconds: Invalid value: 0: must be greater than 0'),
    'sinceSeconds=5&sinceTime=2026-01-01T00:00:00Z': is(
      ': Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
    ),
    'tailLines=ten': '400 strconv.ParseInt: parsing "ten": invalid syntax',
  };
  for (const [query, expected] of Object.entries(rows)) void it(query, () => assert.equal(said(query), expected));
});
