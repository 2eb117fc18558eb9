import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration } from './go-duration.ts';

void test('parseDuration() reads Go durations', () => {
  const cases = {
    '0': 0,
    '30s': 30_000,
    '1m30s': 90_000,
    '1.5h': 5_400_000,
    '250ms': 250,
    '5': undefined,
    '': undefined,
  };
  for (const [text, ms] of Object.entries(cases)) assert.equal(parseDuration(text), ms, text);
});
