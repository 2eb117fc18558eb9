import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../clock/index.ts';
import { startTestServer, type Loose } from '../testing/test-server.ts';

const CM = '/api/v1/namespaces/default/configmaps';
const configMap = (name: string, data: Record<string, string> = { a: '1' }, labels?: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...(labels === undefined ? {} : { labels }) },
  data,
});

void describe('create', () => {
  void it('gives identity and a version, and refuses the second of a name', async () => {
    await using server = await startTestServer();
    const made = await server.call('POST', CM, configMap('one'));
    assert.equal(made.status, 201);
    const { metadata } = made.body;
    assert.match(metadata.uid, /^[0-9a-f-]{36}$/);
    assert.match(metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.equal(metadata.namespace, 'default');
    assert.equal(metadata.resourceVersion, String(server.store.currentRevision));
    const again = await server.call('POST', CM, configMap('one'));
    assert.equal(again.status, 409);
    assert.equal(again.body.message, 'configmaps "one" already exists');
    assert.equal(again.body.reason, 'AlreadyExists');
  });

  void it('makes names from generateName', async () => {
    await using server = await startTestServer();
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'x-' } };
    const names = await Promise.all(
      Array.from({ length: 20 }, async () => (await server.ok('POST', CM, body)).metadata.name),
    );
    assert.equal(new Set(names).size, 20);
    for (const name of names) assert.match(name, /^x-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  void it('says which namespace is missing, and refuses one that is going away', async () => {
    await using server = await startTestServer();
    const missing = await server.call('POST', '/api/v1/namespaces/nope/configmaps', configMap('x'));
    assert.equal(missing.status, 404);
    assert.equal(missing.body.message, 'namespaces "nope" not found');
    await server.ok('POST', '/api/v1/namespaces', { metadata: { name: 'leaving' } });
    await server.ok('DELETE', '/api/v1/namespaces/leaving');
    const late = await server.call('POST', '/api/v1/namespaces/leaving/configmaps', configMap('x'));
    assert.equal(late.status, 403);
    assert.match(late.body.message, /because it is being terminated/);
  });

  void it('with dryRun answers and stores nothing', async () => {
    await using server = await startTestServer();
    const before = server.store.currentRevision;
    const made = await server.call('POST', `${CM}?dryRun=All`, configMap('one'));
    assert.equal(made.status, 201);
    assert.equal(server.store.currentRevision, before);
    assert.equal((await server.call('GET', `${CM}/one`)).status, 404);
  });

  void it('with fieldValidation names unknown fields', async () => {
    await using server = await startTestServer();
    const body = { ...configMap('one'), datta: {} };
    const strict = await server.call('POST', `${CM}?fieldValidation=Strict`, body);
    assert.equal(strict.status, 400);
    assert.match(strict.body.message, /strict decoding error: unknown field "datta"/);
    const warned = await server.call('POST', `${CM}?fieldValidation=Warn`, body);
    assert.equal(warned.status, 201);
    assert.equal(warned.headers['warning'], '299 - "unknown field \\"datta\\""');
  });
});

void describe('update and patch', () => {
  void it('refuses a stale version and keeps the version of a write that changes nothing', async () => {
    await using server = await startTestServer();
    const first = await server.ok('POST', CM, configMap('one'));
    const second = await server.ok('PUT', `${CM}/one`, { ...first, data: { a: '2' } });
    assert.notEqual(second.metadata.resourceVersion, first.metadata.resourceVersion);
    const stale = await server.call('PUT', `${CM}/one`, { ...first, data: { a: '3' } });
    assert.equal(stale.status, 409);
    assert.equal(
      stale.body.message,
      'Operation cannot be fulfilled on configmaps "one": the object has been modified; please apply your changes to the latest version and try again',
    );
    const same = await server.ok('PUT', `${CM}/one`, second);
    assert.equal(same.metadata.resourceVersion, second.metadata.resourceVersion);
  });

  void it('refuses a body that names another object', async () => {
    await using server = await startTestServer();
    await server.ok('POST', CM, configMap('a'));
    const other = await server.call('PUT', `${CM}/a`, configMap('q'));
    assert.equal(other.status, 400);
    assert.equal(other.body.message, 'the name of the object (q) does not match the name on the URL (a)');
  });

  void it('lets concurrent merge patches of different keys all win', async () => {
    await using server = await startTestServer();
    await server.ok('POST', CM, configMap('one', {}));
    const headers = { 'content-type': 'application/merge-patch+json' };
    await Promise.all(
      Array.from({ length: 15 }, (_, i) => server.ok('PATCH', `${CM}/one`, { data: { [`k${i}`]: 'v' } }, { headers })),
    );
    const { data } = await server.ok('GET', `${CM}/one`);
    assert.equal(Object.keys(data).length, 15);
  });

  void it('takes JSON patches, and a patch may pin the version', async () => {
    await using server = await startTestServer();
    const { metadata } = await server.ok('POST', CM, configMap('one'));
    const json = { 'content-type': 'application/json-patch+json' };
    const done = await server.ok('PATCH', `${CM}/one`, [{ op: 'replace', path: '/data/a', value: '9' }], {
      headers: json,
    });
    assert.equal(done.data.a, '9');
    const merge = { 'content-type': 'application/merge-patch+json' };
    const pinned = { metadata: { resourceVersion: metadata.resourceVersion }, data: { a: '10' } };
    assert.equal((await server.call('PATCH', `${CM}/one`, pinned, { headers: merge })).status, 409);
    assert.equal(
      (await server.call('PATCH', `${CM}/one`, {}, { headers: { 'content-type': 'text/plain' } })).status,
      415,
    );
  });

  void it('separates status from the rest', async () => {
    await using server = await startTestServer();
    const at = '/api/v1/nodes';
    await server.ok('POST', at, { metadata: { name: 'n1' }, spec: { podCIDR: '10.244.0.0/24' } });
    const merge = { 'content-type': 'application/merge-patch+json' };
    const patch = { spec: { unschedulable: true }, status: { nodeInfo: { kubeletVersion: 'x' } } };
    const viaStatus = await server.ok('PATCH', `${at}/n1/status`, patch, { headers: merge });
    assert.equal(viaStatus.spec.unschedulable, undefined);
    assert.equal(viaStatus.status.nodeInfo.kubeletVersion, 'x');
    const viaMain = await server.ok(
      'PATCH',
      `${at}/n1`,
      { spec: { unschedulable: true }, status: null },
      { headers: merge },
    );
    assert.equal(viaMain.spec.unschedulable, true);
    assert.equal(viaMain.status.nodeInfo.kubeletVersion, 'x');
  });
});

void describe('delete', () => {
  void it('waits for finalizers, and goes with the last of them', async () => {
    await using server = await startTestServer();
    await server.ok('POST', CM, { ...configMap('one'), metadata: { name: 'one', finalizers: ['example.com/hold'] } });
    const marked = await server.ok('DELETE', `${CM}/one`);
    assert.ok(marked.metadata.deletionTimestamp);
    const merge = { 'content-type': 'application/merge-patch+json' };
    const body = { metadata: { finalizers: null } };
    await server.ok('PATCH', `${CM}/one`, body, { headers: merge });
    assert.equal((await server.call('GET', `${CM}/one`)).status, 404);
  });

  void it('leaves the dependents to the finalizer that the propagation asks for', async () => {
    await using server = await startTestServer();
    for (const [policy, finalizer] of [
      ['Foreground', 'foregroundDeletion'],
      ['Orphan', 'orphan'],
    ] as const) {
      await server.ok('POST', CM, configMap(policy.toLowerCase()));
      const marked = await server.ok('DELETE', `${CM}/${policy.toLowerCase()}`, { propagationPolicy: policy });
      assert.deepEqual(marked.metadata.finalizers, [finalizer]);
    }
    const status = await server
      .ok('POST', CM, configMap('plain'))
      .then(() => server.ok('DELETE', `${CM}/plain`, { propagationPolicy: 'Background' }));
    assert.equal(status.status, 'Success');
    assert.equal(status.details.kind, 'configmaps');
  });

  void it('honours preconditions', async () => {
    await using server = await startTestServer();
    await server.ok('POST', CM, configMap('one'));
    const wrong = await server.call('DELETE', `${CM}/one`, { preconditions: { uid: 'other' } });
    assert.equal(wrong.status, 409);
    assert.match(wrong.body.message, /Precondition failed: UID in precondition: other, UID in object meta: /);
  });

  void it('gives a running pod its grace, which a second delete may shorten', async () => {
    const clock = new ManualClock(Date.parse('2026-01-01T00:00:00Z'));
    await using server = await startTestServer({ clock });
    const pods = '/api/v1/namespaces/default/pods';
    await server.ok('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
    const spec = { nodeName: 'n1', containers: [{ name: 'c', image: 'portico/web' }] };
    await server.ok('POST', pods, { metadata: { name: 'p' }, spec });
    const first = await server.ok('DELETE', `${pods}/p`);
    assert.equal(first.metadata.deletionTimestamp, '2026-01-01T00:00:30Z');
    assert.equal(first.metadata.deletionGracePeriodSeconds, 30);
    clock.advance(5000);
    const second = await server.ok('DELETE', `${pods}/p`, { gracePeriodSeconds: 7 });
    assert.equal(second.metadata.deletionTimestamp, '2026-01-01T00:00:07Z');
    await server.ok('DELETE', `${pods}/p`, { gracePeriodSeconds: 0 });
    assert.equal((await server.call('GET', `${pods}/p`)).status, 404);
  });

  void it('keeps the first namespaces, and removes others only through finalize', async () => {
    await using server = await startTestServer();
    const no = await server.call('DELETE', '/api/v1/namespaces/default');
    assert.equal(no.body.message, 'namespaces "default" is forbidden: this namespace may not be deleted');
    await server.ok('POST', '/api/v1/namespaces', { metadata: { name: 'n' } });
    const marked = await server.ok('DELETE', '/api/v1/namespaces/n');
    assert.equal(marked.status.phase, 'Terminating');
    await server.ok('PUT', '/api/v1/namespaces/n/finalize', { metadata: { name: 'n' }, spec: { finalizers: [] } });
    assert.equal((await server.call('GET', '/api/v1/namespaces/n')).status, 404);
  });

  void it('empties a collection by selector', async () => {
    await using server = await startTestServer();
    for (const [n, app] of [
      ['a', 'x'],
      ['b', 'x'],
      ['c', 'y'],
    ] as const)
      await server.ok('POST', CM, configMap(n, {}, { app }));
    const gone = await server.ok('DELETE', `${CM}?labelSelector=app%3Dx`);
    assert.equal(gone.kind, 'ConfigMapList');
    const left = await server.ok('GET', CM);
    assert.deepEqual(
      left.items.map((i: Loose) => i.metadata.name),
      ['c'],
    );
  });
});

void describe('list', () => {
  void it('pages through one revision while the world moves on', async () => {
    await using server = await startTestServer();
    for (const n of ['a', 'b', 'c', 'd', 'e']) await server.ok('POST', CM, configMap(n));
    const first = await server.ok('GET', `${CM}?limit=2`);
    assert.equal(first.metadata.remainingItemCount, 3);
    await server.ok('DELETE', `${CM}/c`);
    await server.ok('POST', CM, configMap('bb'));
    const names = first.items.map((i: Loose) => i.metadata.name);
    let token = first.metadata.continue;
    while (token !== undefined) {
      const page = await server.ok('GET', `${CM}?limit=2&continue=${token}`);
      assert.equal(page.metadata.resourceVersion, first.metadata.resourceVersion);
      names.push(...page.items.map((i: Loose) => i.metadata.name));
      token = page.metadata.continue;
    }
    assert.deepEqual(names, ['a', 'b', 'c', 'd', 'e']);
    await server.store.compact(server.store.currentRevision);
    const late = await server.call('GET', `${CM}?limit=2&continue=${first.metadata.continue}`);
    assert.equal(late.status, 410);
    assert.equal(late.body.reason, 'Expired');
    assert.equal((await server.call('GET', `${CM}?continue=garbage`)).status, 400);
  });

  void it('selects by labels and fields, and refuses fields the kind does not offer', async () => {
    await using server = await startTestServer();
    await server.ok('POST', CM, configMap('a', {}, { app: 'x', tier: 'front' }));
    await server.ok('POST', CM, configMap('b', {}, { app: 'y' }));
    const names = async (query: string) =>
      (await server.ok('GET', `${CM}?${query}`)).items.map((i: Loose) => i.metadata.name);
    assert.deepEqual(await names('labelSelector=app%20in%20(x,z)'), ['a']);
    assert.deepEqual(await names('labelSelector=!tier'), ['b']);
    assert.deepEqual(await names('fieldSelector=metadata.name%3Db'), ['b']);
    assert.deepEqual(await names('fieldSelector=metadata.name!%3Db'), ['a']);
    const bad = await server.call('GET', `${CM}?fieldSelector=spec.foo%3Dx`);
    assert.equal(bad.status, 400);
    assert.equal(bad.body.message, 'field label not supported: spec.foo');
  });

  void it('answers a version of the future with 504, so that the client waits', async () => {
    await using server = await startTestServer();
    const { status, body } = await server.call('GET', `${CM}?resourceVersion=999999`);
    assert.equal(status, 504);
    assert.equal(body.details.causes[0].reason, 'ResourceVersionTooLarge');
  });
});

void describe('watch', () => {
  void it('goes on from a listed version without loss', async () => {
    await using server = await startTestServer();
    const { metadata } = await server.ok('GET', CM);
    await server.ok('POST', CM, configMap('a'));
    const watch = await server.watch(`${CM}?watch=true&resourceVersion=${metadata.resourceVersion}`);
    await server.ok('PUT', `${CM}/a`, configMap('a', { a: '2' }));
    await server.ok('DELETE', `${CM}/a`);
    const seen: Loose[] = [await watch.next(), await watch.next(), await watch.next()];
    assert.deepEqual(
      seen.map((e) => `${e.type} ${e.object.data.a}`),
      ['ADDED 1', 'MODIFIED 2', 'DELETED 2'],
    );
    const versions = seen.map((e) => Number(e.object.metadata.resourceVersion));
    assert.ok((versions[0] ?? 0) < (versions[1] ?? 0) && (versions[1] ?? 0) < (versions[2] ?? 0));
    watch.stop();
  });

  void it('tells of objects that start or stop to match the selector', async () => {
    await using server = await startTestServer();
    const watch = await server.watch(`${CM}?watch=1&labelSelector=on&resourceVersion=${server.store.currentRevision}`);
    await server.ok('POST', CM, configMap('a'));
    await server.ok('PUT', `${CM}/a`, configMap('a', { a: '2' }, { on: 'yes' }));
    await server.ok('PUT', `${CM}/a`, configMap('a', { a: '3' }));
    const added = await watch.next();
    const gone = await watch.next();
    assert.equal(`${added.type} ${added.object.data.a}`, 'ADDED 2');
    // The last state that matched, under the version of the change.
    assert.equal(`${gone.type} ${gone.object.data.a}`, 'DELETED 2');
    assert.equal(gone.object.metadata.resourceVersion, String(server.store.currentRevision));
    watch.stop();
  });

  void it('streams the state first and closes it with a bookmark when asked', async () => {
    await using server = await startTestServer();
    await server.ok('POST', CM, configMap('a'));
    const query = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const watch = await server.watch(`${CM}?${query}`);
    assert.equal((await watch.next()).type, 'ADDED');
    const end = await watch.next();
    assert.equal(end.type, 'BOOKMARK');
    assert.equal(end.object.metadata.annotations['k8s.io/initial-events-end'], 'true');
    assert.equal(end.object.kind, 'ConfigMap');
    watch.stop();
    const bad = await server.call('GET', `${CM}?watch=true&sendInitialEvents=true`);
    assert.equal(bad.status, 422);
  });

  void it('sends bookmarks only to those who ask', async () => {
    const clock = new ManualClock(Date.now());
    await using server = await startTestServer({ clock });
    const at = server.store.currentRevision;
    const asking = await server.watch(`${CM}?watch=true&allowWatchBookmarks=true&resourceVersion=${at}`);
    const plain = await server.watch(`${CM}?watch=true&resourceVersion=${at}`);
    const marked = asking.next();
    const first = plain.next();
    await server.ok('POST', '/api/v1/namespaces', { metadata: { name: 'elsewhere' } });
    clock.advance(61_000);
    const bookmark = await marked;
    assert.equal(bookmark.type, 'BOOKMARK');
    assert.equal(bookmark.object.metadata.resourceVersion, String(server.store.currentRevision));
    await server.ok('POST', CM, configMap('a'));
    assert.equal((await first).type, 'ADDED');
    asking.stop();
    plain.stop();
  });

  void it('ends after timeoutSeconds', async () => {
    const clock = new ManualClock(Date.now());
    await using server = await startTestServer({ clock });
    const watch = await server.watch(
      `${CM}?watch=true&timeoutSeconds=5&resourceVersion=${server.store.currentRevision}`,
    );
    const next = watch.next();
    clock.advance(5001);
    assert.equal(await next, undefined);
  });

  void it('answers 410 for what is compacted', async () => {
    await using server = await startTestServer();
    const at = server.store.currentRevision;
    await server.ok('POST', CM, configMap('a'));
    await server.store.compact(server.store.currentRevision);
    const { status, body } = await server.call('GET', `${CM}?watch=true&resourceVersion=${at}`);
    assert.equal(status, 410);
    assert.equal(body.message, `too old resource version: ${at} (${server.store.compactedRevision})`);
  });
});

void describe('shapes', () => {
  const as = (accept: string) => ({ headers: { accept } });

  void it('are tables, with the columns in the first event of a watch only', async () => {
    await using server = await startTestServer();
    await server.ok('POST', CM, configMap('a'));
    const table = as('application/json;as=Table;v=v1;g=meta.k8s.io,application/json');
    const list = await server.ok('GET', CM, undefined, table);
    assert.equal(list.kind, 'Table');
    assert.deepEqual(
      list.columnDefinitions.map((c: Loose) => c.name),
      ['Name', 'Data', 'Age'],
    );
    assert.deepEqual(list.rows[0].cells.slice(0, 2), ['a', 1]);
    assert.equal(list.rows[0].object.kind, 'PartialObjectMetadata');
    const stop = new AbortController();
    const { body } = await server.call('GET', `${CM}?watch=true`, undefined, { ...table, signal: stop.signal });
    const steps = body[Symbol.asyncIterator]();
    const first = (await steps.next()).value;
    await server.ok('DELETE', `${CM}/a`);
    const second = (await steps.next()).value;
    assert.equal(first.object.columnDefinitions.length, 3);
    assert.equal(second.type, 'DELETED');
    assert.equal(second.object.columnDefinitions, null);
    stop.abort();
  });

  void it('are bare metadata for those who only need to know what there is', async () => {
    await using server = await startTestServer();
    await server.ok('POST', CM, configMap('a'));
    const accept = as(
      'application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json',
    );
    const list = await server.ok('GET', CM, undefined, accept);
    assert.equal(list.kind, 'PartialObjectMetadataList');
    assert.equal(list.items[0].kind, 'PartialObjectMetadata');
    assert.equal(list.items[0].metadata.name, 'a');
    assert.equal(list.items[0].data, undefined);
  });
});

void describe('paths', () => {
  void it('tells unknown resources, unknown groups and wrong methods apart', async () => {
    await using server = await startTestServer();
    const unknown = await server.call('GET', '/api/v1/namespaces/default/foos');
    assert.equal(unknown.status, 404);
    assert.equal(unknown.body.message, 'the server could not find the requested resource');
    const group = await server.call('GET', '/apis/none.example/v1/things');
    assert.equal(group.body, '404 page not found\n');
    assert.equal((await server.call('POST', '/api/v1/configmaps', configMap('a'))).status, 405);
    assert.equal((await server.call('POST', '/version')).status, 405);
    assert.equal((await server.call('GET', '/api/v1/namespaces/%E0%A4%A/pods')).status, 400);
  });
});
