import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Topology } from '../../contract.ts';
import type { Box } from './geometry.ts';
import { buildJourney } from './journey.ts';
import { chooseDensity, layoutPicture, leadEdges } from './picture.ts';
import { byText, selectPods, selectServices } from './selection.ts';
import { podOn, smallTopology, walkToWeb } from './testing-walk.ts';

const everything = { query: '', namespace: '' };

function draw(topology: Topology, width = 820, density: 'cards' | 'dots' = 'cards') {
  const pods = selectPods(topology, everything, new Set());
  const shown = {
    nodes: Object.values(topology.nodes).toSorted(byText((node) => node.key)),
    pods,
    services: selectServices(topology, everything, new Set()),
    slices: Object.values(topology.slices),
  };
  return layoutPicture(shown, { width, height: 600 }, density);
}

const apart = (a: Box, b: Box) =>
  a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
const within = (inner: Box, outer: Box) =>
  inner.x >= outer.x &&
  inner.y >= outer.y &&
  inner.x + inner.width <= outer.x + outer.width &&
  inner.y + inner.height <= outer.y + outer.height;

const crowd = Array.from({ length: 300 }, (_, i) => podOn(i % 2 === 0 ? 'node-1' : 'node-2', `crowd-${i}`));

for (const width of [390, 820, 1600]) {
  for (const density of ['cards', 'dots'] as const) {
    test(`layoutPicture() keeps ${density} apart and inside at ${width} pixels`, () => {
      const picture = draw(smallTopology(...crowd), width, density);
      assert.equal(picture.pods.length, 304);
      const frames = new Map(picture.nodes.map((frame) => [frame.node.key, frame]));
      for (const [i, { pod, box }] of picture.pods.entries()) {
        const frame = frames.get(pod.node);
        assert.ok(frame && within(box, frame.box), `${pod.key} is in its node`);
        assert.ok(apart(box, frame.kernel), `${pod.key} is beside the kernel`);
        for (const other of picture.pods.slice(i + 1)) assert.ok(apart(box, other.box), `${pod.key} ${other.pod.key}`);
      }
      const top = { x: 0, y: 0, width, height: picture.height };
      const boxes = [...picture.nodes, ...picture.services].map(({ box }) => box);
      for (const [i, box] of boxes.entries()) {
        assert.ok(within(box, top));
        for (const other of boxes.slice(i + 1)) assert.ok(apart(box, other));
      }
    });
  }
}

test('layoutPicture() puts groups of dots beside each other where there is room', () => {
  const workloads = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ({ ...podOn('node-1', `${name}-1`), workload: name }));
  const heightAt = (width: number) =>
    draw(smallTopology(...workloads), width, 'dots').nodes.find(({ node }) => node.key === 'node-1')?.box.height ?? 0;
  assert.ok(heightAt(1600) < heightAt(390) * 0.75, `${heightAt(1600)} of ${heightAt(390)}`);
  const [frame] = draw(smallTopology(...workloads), 1600, 'dots').nodes;
  const rows = new Set(frame?.labels.map((label) => label.y));
  assert.ok(rows.size < (frame?.labels.length ?? 0), 'labels share rows');
});

test('layoutPicture() keeps nodes in their order and puts services beside their endpoints', () => {
  const picture = draw(smallTopology());
  assert.deepEqual(
    picture.nodes.map(({ node }) => node.key),
    ['node-1', 'node-2'],
  );
  assert.deepEqual(
    picture.services.map(({ service, ready, total }) => `${service.name} ${ready}/${total}`),
    ['web 1/2', 'dns 1/1', 'alone 0/0'],
  );
});

test('edges tell the condition of each endpoint; lead edges are one a node', () => {
  const picture = draw(smallTopology());
  assert.deepEqual(
    picture.edges.map((edge) => `${edge.service} ${edge.pod} ${edge.state}`),
    ['default/web default/web-1 ready', 'default/web default/web-2 unready', 'default/dns default/dns-1 ready'],
  );
  assert.deepEqual(
    leadEdges(picture.edges, picture.pods).map((edge) => edge.pod),
    ['default/web-1', 'default/dns-1'],
  );
});

test('a pod without a node waits beside the picture', () => {
  const picture = draw(smallTopology(podOn('', 'late')));
  assert.deepEqual(
    picture.waiting.map((pod) => pod.name),
    ['late'],
  );
});

test('chooseDensity() groups when there are many, unless the reader wished otherwise', () => {
  assert.equal(chooseDensity('auto', 10), 'cards');
  assert.equal(chooseDensity('auto', 300), 'dots');
  assert.equal(chooseDensity('cards', 300), 'cards');
});

test('buildJourney() leads without a jump, through the kernel that translates, to the pod', () => {
  const picture = draw(smallTopology());
  const steps = buildJourney(walkToWeb, picture);
  assert.equal(steps.length, 6);
  for (const [i, step] of steps.entries()) {
    if (i > 0) assert.deepEqual(step.path[0], steps[i - 1]?.path.at(-1), `step ${i} begins where the last one ended`);
  }
  const [from, to] = ['node-2', 'node-1'].map((key) => picture.nodes.find(({ node }) => node.key === key));
  const inside = (p: { x: number; y: number }, box: Box) => within({ ...p, width: 0, height: 0 }, box);
  const translated = steps[2]?.changedAt;
  assert.ok(translated && from && inside(translated, from.kernel));
  assert.deepEqual(steps[2]?.path.at(-1), from.uplink);
  assert.deepEqual(steps[3]?.path.at(-1), to?.uplink);
  const web = picture.pods.find(({ pod }) => pod.name === 'web-1');
  const end = steps[5]?.path.at(-1);
  assert.ok(web && end && inside(end, web.box));
});

test('buildJourney() puts the envelope on at the edge of the kernel, on the way out', () => {
  const picture = draw(smallTopology());
  const [request] = walkToWeb.legs;
  assert.ok(request);
  const envelope = { kind: 'vxlan', source: '172.30.0.12', destination: '172.30.0.11', vni: 1 } as const;
  const hops = request.hops.flatMap((hop) => {
    if (hop.device !== 'eth0' || hop.place.kind !== 'node') return hop;
    const bare = { ...hop, device: 'portico.vxlan' };
    const outer = { ...hop, envelope, changes: [{ kind: 'encapsulated', envelope } as const] };
    return hop.direction === 'out' ? [bare, outer] : [outer, { ...bare, changes: [{ kind: 'decapsulated' } as const] }];
  });
  const steps = buildJourney({ ...walkToWeb, legs: [{ ...request, hops }] }, picture);
  const from = picture.nodes.find(({ node }) => node.key === 'node-2');
  assert.ok(from);
  const edge = { x: from.kernel.x, y: from.kernel.y + from.kernel.height / 2 };
  assert.deepEqual(steps[2]?.path.at(-1), edge);
  assert.deepEqual(steps[3]?.path, [edge, from.uplink]);
  assert.deepEqual(steps[3]?.changedAt, edge);
  for (const [i, step] of steps.entries()) if (i > 0) assert.deepEqual(step.path[0], steps[i - 1]?.path.at(-1));
});
