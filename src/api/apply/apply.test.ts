// managedFields and server-side apply: the shapes and texts of a real server, and laws that must always hold.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { StatusError } from '../status-error.ts';
import type { ApiObject } from '../strategy/contract.ts';
import { trackUpdate } from './managed-fields.ts';
import { PathSet, formatPath } from './path-set.ts';
import { serverSideApply } from './server-side-apply.ts';
import { rootPlace } from './type-shape.ts';
import { compareValues, fieldSetOf } from './typed-values.ts';

const time = '2026-01-01T00:00:00Z';
const later = '2026-01-02T00:00:00Z';
const schema = 'core.Service';

const service = (spec: object, metadata: object = {}): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'a', namespace: 'default', ...metadata },
  spec,
});

function created(object: ApiObject, manager = 'kubectl-create'): ApiObject {
  const next = structuredClone(object);
  trackUpdate({ schema, next, manager, time, subresource: '' });
  return next;
}

function apply(
  current: ApiObject | undefined,
  config: ApiObject,
  manager: string,
  more: { force?: boolean; time?: string } = {},
): ApiObject {
  return serverSideApply({ schema, current, config, manager, force: false, time: later, subresource: '', ...more });
}

const ownersOf = (object: ApiObject): Record<string, unknown> =>
  Object.fromEntries((object.metadata.managedFields ?? []).map((e) => [`${e.manager}/${e.operation}`, e.fieldsV1]));

const port80 = 'k:{"port":80,"protocol":"TCP"}';

describe('managedFields of plain writes', () => {
  test('a create owns what it set, with its containers', () => {
    const object = created(
      service({ selector: { app: 'x' }, ports: [{ port: 80, protocol: 'TCP' }] }, { labels: { a: 'b' } }),
    );
    assert.deepEqual(object.metadata.managedFields, [
      {
        manager: 'kubectl-create',
        operation: 'Update',
        apiVersion: 'v1',
        time,
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
          'f:spec': { 'f:ports': { '.': {}, [port80]: { '.': {}, 'f:port': {}, 'f:protocol': {} } }, 'f:selector': {} },
        },
      },
    ]);
  });

  test('an update takes over what it changes and nothing else', () => {
    const before = created(service({ type: 'ClusterIP', externalName: 'x' }));
    const next = structuredClone(before);
    next.spec = { type: 'NodePort', externalName: 'x' };
    trackUpdate({ schema, next, previous: before, manager: 'edit', time: later, subresource: '' });
    assert.deepEqual(ownersOf(next), {
      'edit/Update': { 'f:spec': { 'f:type': {} } },
      'kubectl-create/Update': { 'f:spec': { 'f:externalName': {} } },
    });
  });

  test('an update that changes nothing leaves every entry and time as it was', () => {
    const before = created(service({ type: 'ClusterIP' }));
    const next = structuredClone(before);
    trackUpdate({ schema, next, previous: before, manager: 'other', time: later, subresource: '' });
    assert.deepEqual(next, before);
  });

  test('status belongs to writers of status only', () => {
    const object = created({
      ...service({ type: 'ClusterIP' }),
      status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } },
    });
    assert.deepEqual(ownersOf(object), { 'kubectl-create/Update': { 'f:spec': { 'f:type': {} } } });
    const next = structuredClone(object);
    next.status = { loadBalancer: { ingress: [{ ip: '1.2.3.5' }] } };
    trackUpdate({ schema, next, previous: object, manager: 'lb', time: later, subresource: 'status' });
    assert.deepEqual(next.metadata.managedFields?.[1]?.subresource, 'status');
    const replaced = structuredClone(next);
    delete replaced.status;
    replaced.spec = { type: 'NodePort' };
    trackUpdate({ schema, next: replaced, previous: next, manager: 'kubectl-replace', time: later, subresource: '' });
    assert.deepEqual(Object.keys(ownersOf(replaced)), ['kubectl-replace/Update', 'lb/Update']);
  });

  test('one empty entry starts anew', () => {
    const before = created(service({ type: 'ClusterIP' }));
    const next = { ...structuredClone(before), metadata: { ...before.metadata, managedFields: [{}] } };
    trackUpdate({ schema, next, previous: before, manager: 'x', time: later, subresource: '' });
    assert.equal(next.metadata.managedFields, undefined);
  });

  test('a container new in a list has its empty parts owned too', () => {
    const template = { spec: { containers: [{ name: 'c', image: 'i', resources: {} }] } };
    const next: ApiObject = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' }, spec: { template } };
    trackUpdate({ schema: 'apps.Deployment', next, manager: 'm', time, subresource: '' });
    assert.deepEqual(next.metadata.managedFields?.[0]?.fieldsV1, {
      'f:spec': {
        'f:template': {
          'f:spec': {
            'f:containers': { 'k:{"name":"c"}': { '.': {}, 'f:image': {}, 'f:name': {}, 'f:resources': {} } },
          },
        },
      },
    });
  });

  test('more than ten writers: the oldest become one', () => {
    let object = created(service({ type: 'ClusterIP' }));
    for (let i = 0; i < 12; i++) {
      const next = structuredClone(object);
      next.metadata.labels = { ...next.metadata.labels, [`l${i}`]: 'x' };
      trackUpdate({
        schema,
        next,
        previous: object,
        manager: `m${i}`,
        time: `2026-01-02T00:00:${10 + i}Z`,
        subresource: '',
      });
      object = next;
    }
    assert.equal(object.metadata.managedFields?.length, 10);
    assert.ok('ancient-changes/Update' in ownersOf(object));
  });
});

describe('server-side apply', () => {
  test('a create by apply owns exactly what it names', () => {
    const object = apply(undefined, service({ ports: [{ port: 80, protocol: 'TCP' }], selector: { app: 'x' } }), 'me');
    assert.deepEqual(ownersOf(object), {
      'me/Apply': {
        'f:spec': { 'f:ports': { [port80]: { '.': {}, 'f:port': {}, 'f:protocol': {} } }, 'f:selector': {} },
      },
    });
  });

  test('one conflict', () => {
    const live = apply(undefined, service({ selector: { app: 'x' } }), 'kubectl');
    assert.throws(
      () => apply(live, service({ selector: { app: 'y' } }), 'me'),
      (e: unknown) => {
        assert.ok(e instanceof StatusError);
        assert.equal(e.message, 'Apply failed with 1 conflict: conflict with "kubectl": .spec.selector');
        assert.deepEqual(e.status.details?.causes, [
          { reason: 'FieldManagerConflict', message: 'conflict with "kubectl"', field: '.spec.selector' },
        ]);
        assert.equal(e.code, 409);
        return true;
      },
    );
  });

  test('several conflicts', () => {
    const live = created(service({ type: 'ClusterIP', ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }] }));
    assert.throws(() => apply(live, service({ type: 'NodePort', ports: [{ port: 80, targetPort: 81 }] }), 'me'), {
      message:
        'Apply failed with 2 conflicts: conflicts with "kubectl-create" using v1:\n- .spec.ports[port=80,protocol="TCP"].targetPort\n- .spec.type',
    });
  });

  test('force takes the field over; giving it up later removes it', () => {
    const live = apply(undefined, service({ type: 'ClusterIP', selector: { app: 'x' } }), 'a');
    const taken = apply(live, service({ selector: { app: 'y' } }), 'b', { force: true });
    assert.deepEqual(ownersOf(taken), {
      'a/Apply': { 'f:spec': { 'f:type': {} } },
      'b/Apply': { 'f:spec': { 'f:selector': {} } },
    });
    const given = apply(taken, service({}), 'b');
    assert.deepEqual(given.spec, { type: 'ClusterIP' });
  });

  test('the same value is shared, and stays when one of two gives it up', () => {
    const one = apply(undefined, service({ selector: { app: 'x' }, type: 'ClusterIP' }), 'a');
    const both = apply(one, service({ selector: { app: 'x' } }), 'b');
    const left = apply(both, service({ type: 'ClusterIP' }), 'a');
    assert.deepEqual(left.spec, { selector: { app: 'x' }, type: 'ClusterIP' });
    assert.deepEqual(Object.keys(ownersOf(left)), ['a/Apply', 'b/Apply']);
  });

  test('a list item goes with its only owner, others stay', () => {
    const one = apply(
      undefined,
      service({
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 81 },
        ],
      }),
      'a',
    );
    const two = apply(one, service({ ports: [{ name: 'c', port: 82 }] }), 'b');
    const left = apply(two, service({ ports: [{ name: 'b', port: 81 }] }), 'a');
    assert.deepEqual(left.spec, {
      ports: [
        { name: 'b', port: 81 },
        { name: 'c', port: 82 },
      ],
    });
  });

  test('a field set by an updater stays when the applier stops naming it', () => {
    const live = created(service({ type: 'NodePort' }));
    const shared = apply(live, service({ type: 'NodePort' }), 'a');
    assert.deepEqual(apply(shared, service({}), 'a').spec, { type: 'NodePort' });
  });

  test("kubectl's own last-applied fields are no conflict", () => {
    const config = service({ selector: { app: 'x' } });
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(config) };
    const live = created(service({ selector: { app: 'x' } }, { annotations }), 'kubectl-client-side-apply');
    const next = apply(live, service({ selector: { app: 'y' } }), 'kubectl');
    assert.deepEqual(next.spec, { selector: { app: 'y' } });
    assert.throws(() => apply(live, service({ selector: { app: 'y' } }), 'other'), StatusError);
  });

  test('an object nobody tracked belongs to before-first-apply', () => {
    const next = apply(service({ type: 'ClusterIP' }), service({ selector: { a: 'b' } }), 'me');
    assert.deepEqual(ownersOf(next)['before-first-apply/Update'], { 'f:spec': { 'f:type': {} } });
  });
});

const port = fc.record({ port: fc.integer({ min: 80, max: 84 }), name: fc.constantFrom('a', 'b', 'c') });
const config = fc
  .record(
    {
      ports: fc.uniqueArray(port, { selector: (p) => p.port, maxLength: 4 }),
      selector: fc.dictionary(fc.constantFrom('x', 'y'), fc.constantFrom('1', '2')),
      type: fc.constantFrom('ClusterIP', 'NodePort'),
      externalIPs: fc.array(fc.constantFrom('1.1.1.1', '2.2.2.2'), { maxLength: 2 }),
    },
    { requiredKeys: [] },
  )
  .map((spec) => service(spec, { labels: { l: JSON.stringify(spec).length % 2 === 0 ? 'a' : 'b' } }));

describe('laws of apply', () => {
  test('applying the same again changes nothing', () => {
    fc.assert(
      fc.property(config, config, (first, second) => {
        const live = apply(apply(undefined, first, 'a'), second, 'b', { force: true });
        const once = apply(live, second, 'b');
        assert.deepEqual(once, live);
      }),
      { numRuns: 200 },
    );
  });

  test('after an apply every field of the config is there and is owned by the applier', () => {
    fc.assert(
      fc.property(config, config, config, (a, b, c) => {
        const live = apply(apply(apply(undefined, a, 'a'), b, 'b', { force: true }), c, 'a', { force: true });
        const place = rootPlace(schema);
        const { added, modified } = compareValues(place, live, {
          ...live,
          ...c,
          metadata: { ...live.metadata, ...c.metadata },
        });
        const wanted = fieldSetOf(place, c.spec === undefined ? {} : { spec: c.spec });
        assert.ok(wanted.intersection(added.union(modified)).isEmpty);
        assert.ok(wanted.difference(PathSet.fromJson(ownersOf(live)['a/Apply'])).isEmpty);
      }),
      { numRuns: 200 },
    );
  });

  test('a sole applier gets exactly its config, whatever it applied before', () => {
    fc.assert(
      fc.property(config, config, (a, b) => {
        const live = apply(apply(undefined, a, 'me'), b, 'me');
        const fresh = apply(undefined, b, 'me');
        const sorted = (o: ApiObject): unknown => {
          const spec = structuredClone(o.spec ?? {}) as { ports?: { port: number }[] };
          spec.ports?.sort((x, y) => x.port - y.port);
          if (spec.ports?.length === 0) delete spec.ports;
          return spec;
        };
        assert.deepEqual(sorted(live), sorted(fresh));
      }),
      { numRuns: 200 },
    );
  });

  test('a set of paths survives JSON', () => {
    fc.assert(
      fc.property(config, (c) => {
        const set = fieldSetOf(rootPlace(schema), c);
        assert.ok(PathSet.fromJson(JSON.parse(JSON.stringify(set.toJson()))).equals(set));
      }),
      { numRuns: 100 },
    );
  });
});

test('paths as messages show them', () => {
  assert.equal(
    formatPath(['f:spec', 'f:ports', 'k:{"port":80,"protocol":"TCP"}', 'f:name']),
    '.spec.ports[port=80,protocol="TCP"].name',
  );
  assert.equal(formatPath(['f:metadata', 'f:finalizers', 'v:"a/b"']), '.metadata.finalizers[="a/b"]');
});
