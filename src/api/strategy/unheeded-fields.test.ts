// No field of a pod is silently left aside: each of the schema's is read by a room that looks after pods, or warned about.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { schemaType } from '../schema/schema.ts';
import type { core } from '../types.ts';
import { podWarnings } from './pod-warnings.ts';
import { MAKEABLE_PROJECTIONS, MAKEABLE_VOLUMES, UNHEEDED } from './unheeded-fields.ts';

const src = path.join(import.meta.dirname, '..', '..');
/** The rooms that do what a pod's fields say; the runtime of containers is another one. */
const rooms = ['node', 'scheduler', 'controllers', 'api/select', 'apiserver/admission'];
const words = new Set(
  [...rooms.map((room) => `${src}/${room}/**/*.ts`), `${src}/api/pod-requests.ts`]
    .flatMap((pattern) => globSync(pattern))
    .filter((file) => !/\.(?:test|suite)\.ts$|\/testing\/|\/node\/cri\//.test(file))
    .flatMap((file) => readFileSync(file, 'utf8').match(/\w+/g) ?? []),
);

/** At work in ways that need no word of code here, or about what this server does not serve. */
const WITHOUT_WORDS: Readonly<Record<string, string>> = {
  'core.Container.resizePolicy': 'resources of a running pod cannot be changed: pods/resize is not served',
  'core.EphemeralContainer.resizePolicy': 'the same',
  'core.EphemeralContainer.volumeDevices': 'refused by validation',
  'core.EphemeralVolumeSource.volumeClaimTemplate': 'becomes a PersistentVolumeClaim, which has rules of its own',
  'core.PodSpec.priorityClassName': 'the server turns it into a number',
};

const isUnheeded = (type: string, field: string): boolean =>
  UNHEEDED[type]?.[field] !== undefined ||
  (type === 'core.Volume' && field !== 'name' && !MAKEABLE_VOLUMES.has(field)) ||
  (type === 'core.VolumeProjection' && !MAKEABLE_PROJECTIONS.has(field));

test('every field of a pod is at work or warned about', () => {
  const silent: string[] = [];
  const seen = new Set<string>();
  const queue = ['core.PodSpec'];
  for (let type = queue.pop(); type !== undefined; type = queue.pop()) {
    if (seen.has(type)) continue;
    seen.add(type);
    for (const field of schemaType(type).fields.values()) {
      // Nothing below a field that is warned about is looked at.
      if (isUnheeded(type, field.name)) continue;
      const at = `${type}.${field.name}`;
      if (WITHOUT_WORDS[at] !== undefined) continue;
      if (!words.has(field.name)) silent.push(at);
      const below = /"type":"(core\.\w+)"/.exec(JSON.stringify(field.type))?.[1];
      if (below !== undefined) queue.push(below);
    }
  }
  assert.ok(seen.size > 60, `only ${seen.size} types were found`);
  assert.deepEqual(silent, []);
});

const container = (more: object): core.Container => ({ name: 'c', image: 'i', ...more });
const warnings = (spec: Partial<core.PodSpec>): string[] =>
  podWarnings({ spec: { containers: [container({})], ...spec } } as core.Pod).map((w) => w.split(':')[0] ?? '');
/** A value that the table speaks about. */
const sample = (type: string, field: string): unknown =>
  [{ type: 'RuntimeDefault' }, false, 'Merge', 'Unmasked', 'Enabled', 'Bidirectional'].find(
    (value) => UNHEEDED[type]?.[field]?.when?.(value) !== false,
  );

test('and every field of the table is warned about, wherever it stands', () => {
  const places: Record<string, (value: object) => [Partial<core.PodSpec>, string]> = {
    'core.PodSpec': (value) => [value, 'spec'],
    'core.PodSecurityContext': (value) => [{ securityContext: value }, 'spec.securityContext'],
    'core.SecurityContext': (value) => [
      { initContainers: [container({ securityContext: value })] },
      'spec.initContainers[0].securityContext',
    ],
    'core.Container': (value) => [{ containers: [container(value)] }, 'spec.containers[0]'],
    'core.ResourceRequirements': (value) => [
      { containers: [container({ resources: value })] },
      'spec.containers[0].resources',
    ],
    'core.VolumeMount': (value) => [
      { containers: [container({ volumeMounts: [{ name: 'v', mountPath: '/v', ...value }] })] },
      'spec.containers[0].volumeMounts[0]',
    ],
  };
  for (const [type, fields] of Object.entries(UNHEEDED)) {
    for (const field of Object.keys(fields)) {
      const [spec, at] = places[type]?.({ [field]: sample(type, field) }) ?? [{}, ''];
      assert.deepEqual(warnings(spec), [`${at}.${field}`]);
    }
  }
  assert.deepEqual(warnings({ volumes: [{ name: 'v', nfs: { server: 's', path: '/' } }] }), ['spec.volumes[0].nfs']);
  const sources = [{ clusterTrustBundle: { path: 'p' } }];
  assert.deepEqual(warnings({ volumes: [{ name: 'v', projected: { sources } }] }), [
    'spec.volumes[0].projected.sources[0].clusterTrustBundle',
  ]);
  assert.deepEqual(warnings({ containers: [container({ resources: { limits: { 'ephemeral-storage': '1Gi' } } })] }), [
    'spec.containers[0].resources.limits[ephemeral-storage]',
  ]);
});

test('values that change nothing are not warned about', () => {
  const unconfined = { type: 'Unconfined' };
  const securityContext = { seccompProfile: unconfined, appArmorProfile: unconfined, procMount: 'Default' };
  const mount = { name: 'v', mountPath: '/v', mountPropagation: 'None', recursiveReadOnly: 'IfPossible' };
  assert.deepEqual(
    warnings({ hostUsers: true, containers: [container({ securityContext, volumeMounts: [mount] })] }),
    [],
  );
});
