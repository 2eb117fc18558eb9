import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bestRoute } from './route-problem.ts';

test('bestRoute() takes the longest prefix, then the smallest metric', () => {
  const routes = [
    { destination: '0.0.0.0/0', metric: 0 },
    { destination: '10.244.2.0/24', metric: 100 },
    { destination: '10.244.2.0/24', metric: 10 },
    { destination: '10.244.2.9/32', metric: 500 },
    { destination: '::/0', metric: 0 },
  ];
  assert.equal(bestRoute(routes, '10.244.2.2')?.metric, 10);
  assert.equal(bestRoute(routes, '10.244.2.9')?.metric, 500);
  assert.equal(bestRoute(routes, '10.9.9.9')?.destination, '0.0.0.0/0');
  assert.equal(bestRoute(routes, 'fd00::1')?.destination, '::/0');
});
