import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, report } from './report.ts';

test('a figure that could not be taken is an error that names it', () => {
  assert.throws(() => report({ bench: 'dns/x', qps: 1, latencyUs: Number.NaN, lost: 1 / 0 }), {
    message: 'dns/x: no figure for latencyUs, lost',
  });
  assert.throws(() => report({ bench: 'up/y', medianMs: median([]) }), /up\/y: no figure for medianMs/);
});
