import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counter, Gauge, Histogram, Registry } from '../../metrics/index.ts';
import { mergeMetrics } from './merge-metrics.ts';

function page(fill: (counter: Counter, gauge: Gauge, histogram: Histogram) => void): string {
  const registry = new Registry();
  const counter = registry.register(new Counter('queries_total', 'Queries.'));
  const histogram = registry.register(new Histogram('seconds', 'Time.', [1, 2]));
  const gauge = registry.register(new Gauge('version', 'Version.'));
  fill(counter, gauge, histogram);
  return registry.render();
}

test('counters and histograms add up, gauges stay, new series find their place', () => {
  const a = page((counter, gauge, histogram) => {
    counter.inc({ zone: 'a' }, 2);
    gauge.set(7);
    histogram.observe(1.5);
  });
  const b = page((counter, gauge, histogram) => {
    counter.inc({ zone: 'a' }, 3);
    counter.inc({ zone: 'b' });
    gauge.set(9);
    histogram.observe(0.5);
  });
  const wanted = page((counter, gauge, histogram) => {
    counter.inc({ zone: 'a' }, 5);
    counter.inc({ zone: 'b' }, 2);
    gauge.set(7);
    histogram.observe(1.5);
    histogram.observe(0.5);
    histogram.observe(0.5);
  });
  const empty = page(() => undefined);
  const onlyB = page((counter, _gauge, histogram) => {
    counter.inc({ zone: 'b' });
    histogram.observe(0.5);
  });
  assert.equal(mergeMetrics([a, b, onlyB]), wanted);
  assert.equal(mergeMetrics([a]), a);
  assert.equal(mergeMetrics([empty, a, '']), a.replace('version 7\n', ''));
});
