import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counter, exponentialBounds, Gauge, Histogram, Registry } from './index.ts';

test('Registry.render() writes the Prometheus text format', () => {
  const registry = new Registry();
  const c = registry.register(new Counter('requests_total', 'All requests.'));
  const g = registry.register(new Gauge('up', 'One when up.'));
  const h = registry.register(new Histogram('seconds', 'Time taken.', [0.1, 1]));
  c.inc({ code: '200', path: 'a"b\\c\n' });
  c.inc({ code: '200', path: 'a"b\\c\n' }, 2);
  g.set(1);
  for (const v of [0.05, 0.1, 0.5, 7]) h.observe(v, { family: 'IPv4' });
  assert.equal(
    registry.render(),
    [
      '# HELP requests_total All requests.',
      '# TYPE requests_total counter',
      'requests_total{code="200",path="a\\"b\\\\c\\n"} 3',
      '# HELP up One when up.',
      '# TYPE up gauge',
      'up 1',
      '# HELP seconds Time taken.',
      '# TYPE seconds histogram',
      'seconds_bucket{family="IPv4",le="0.1"} 2',
      'seconds_bucket{family="IPv4",le="1"} 3',
      'seconds_bucket{family="IPv4",le="+Inf"} 4',
      'seconds_sum{family="IPv4"} 7.65',
      'seconds_count{family="IPv4"} 4',
      '',
    ].join('\n'),
  );
});

test('Registry.register() refuses a second metric of one name', () => {
  const registry = new Registry();
  registry.register(new Counter('a_total', ''));
  assert.throws(() => registry.register(new Gauge('a_total', '')), /registered twice/);
});

test('exponentialBounds() multiplies', () => {
  assert.deepEqual(exponentialBounds(0.001, 2, 4), [0.001, 0.002, 0.004, 0.008]);
});
