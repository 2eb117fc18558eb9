import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startTestServer, type Loose, type TestServer } from '../testing/test-server.ts';
import { NODE_PORT_PREFIX } from './service-allocation.ts';

const AT = '/api/v1/namespaces/default/services';
const service = (name: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { ports: [{ port: 80 }], selector: { app: name }, ...spec },
});

const messageOf = async (server: TestServer, spec: object): Promise<string> => {
  const { body } = await server.call('POST', AT, service('b', spec));
  return body.message;
};

const booked = async (server: TestServer) =>
  (await server.ok('GET', '/apis/networking.k8s.io/v1/ipaddresses')).items.map((i: Loose) => i.metadata.name);

void describe('cluster addresses', () => {
  void it('come from the upper band, with the object that books them', async () => {
    await using server = await startTestServer();
    const { spec } = await server.ok('POST', AT, service('a'));
    assert.match(spec.clusterIP, /^10\.96\.\d+\.\d+$/);
    const [, , c = 0, d = 0] = spec.clusterIP.split('.').map(Number);
    assert.ok(c * 256 + d > 256, 'the static band was left alone');
    assert.deepEqual(spec.clusterIPs, [spec.clusterIP]);
    assert.deepEqual(spec.ipFamilies, ['IPv4']);
    assert.equal(spec.ipFamilyPolicy, 'SingleStack');
    const ip = await server.ok('GET', `/apis/networking.k8s.io/v1/ipaddresses/${spec.clusterIP}`);
    assert.deepEqual(ip.spec.parentRef, { group: '', resource: 'services', namespace: 'default', name: 'a' });
  });

  void it('are never given twice, with a hundred clients at once, and are all used before it says full', async () => {
    await using server = await startTestServer({ serviceCidrs: ['10.96.0.0/25'] });
    // 126 addresses less the one of default/kubernetes.
    const made = await Promise.all(Array.from({ length: 130 }, (_, i) => server.call('POST', AT, service(`s${i}`))));
    const good = made.filter((m) => m.status === 201).map((m) => m.body.spec.clusterIP);
    assert.equal(good.length, 125);
    assert.equal(new Set(good).size, 125);
    const full = made.find((m) => m.status !== 201);
    assert.equal(full?.status, 500);
    assert.equal(full?.body.message, 'Internal error occurred: failed to allocate a serviceIP: range is full');
    assert.equal((await booked(server)).length, 126);
  });

  void it('stay with their Service through updates, and are free after deletion', async () => {
    await using server = await startTestServer();
    const made = await server.ok('POST', AT, service('a', { clusterIP: '10.96.0.77' }));
    const updated = await server.ok('PUT', `${AT}/a`, service('a', { ports: [{ port: 81 }] }));
    assert.equal(updated.spec.clusterIP, '10.96.0.77');
    const changed = await server.call('PUT', `${AT}/a`, {
      ...made,
      spec: { ...updated.spec, clusterIP: '10.96.0.78', clusterIPs: ['10.96.0.78'] },
      metadata: { name: 'a' },
    });
    assert.equal(
      changed.body.message,
      'Service "a" is invalid: spec.clusterIPs[0]: Invalid value: []string{"10.96.0.78"}: may not change once set',
    );
    await server.ok('DELETE', `${AT}/a`);
    assert.deepEqual(await booked(server), ['10.96.0.1']);
    await server.ok('POST', AT, service('c', { clusterIP: '10.96.0.77' }));
  });

  void it('are refused in the words of Kubernetes', async () => {
    await using server = await startTestServer();
    const prefix = 'Service "b" is invalid: spec.clusterIPs';
    assert.equal(
      await messageOf(server, { clusterIP: '1.2.3.4' }),
      `${prefix}: Invalid value: []string{"1.2.3.4"}: failed to allocate IP 1.2.3.4: the provided IP (1.2.3.4) is not in the valid range. The range of valid IPs is 10.96.0.0/16`,
    );
    assert.equal(
      await messageOf(server, { clusterIP: '1.2.3' }),
      `${prefix}[0]: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`,
    );
    assert.equal(
      await messageOf(server, { clusterIP: '10.96.0.1' }),
      `${prefix}: Invalid value: []string{"10.96.0.1"}: failed to allocate IP 10.96.0.1: provided IP is already allocated`,
    );
    assert.equal(
      await messageOf(server, { ipFamilies: ['IPv6'] }),
      'Service "b" is invalid: spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
    );
    assert.equal(
      await messageOf(server, { ipFamilyPolicy: 'RequireDualStack' }),
      'Service "b" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
    );
    assert.equal(await messageOf(server, { ports: [] }), 'Service "b" is invalid: spec.ports: Required value');
  });

  void it('books an address with leading zeros under its one spelling', async () => {
    await using server = await startTestServer();
    const made = await server.call('POST', AT, service('a', { clusterIP: '10.96.010.7' }));
    assert.equal(made.status, 201);
    assert.match(made.headers['warning'] ?? '', /leading zero/);
    assert.match(await messageOf(server, { clusterIP: '10.96.10.7' }), /provided IP is already allocated/);
  });

  void it('a refused or tried-out Service books nothing', async () => {
    await using server = await startTestServer();
    await server.call('POST', AT, service('b', { ports: [{ port: 0 }] }));
    const dry = await server.ok('POST', `${AT}?dryRun=All`, service('d'));
    assert.match(dry.spec.clusterIP, /^10\.96\./);
    assert.deepEqual(await booked(server), ['10.96.0.1']);
  });

  void it('go when the type becomes ExternalName, and a new one comes back', async () => {
    await using server = await startTestServer();
    await server.ok('POST', AT, service('a'));
    const external = await server.ok(
      'PATCH',
      `${AT}/a`,
      { spec: { type: 'ExternalName', externalName: 'x.example' } },
      { headers: { 'content-type': 'application/merge-patch+json' } },
    );
    assert.equal(external.spec.clusterIP, undefined);
    assert.deepEqual(await booked(server), ['10.96.0.1']);
    const back = await server.ok(
      'PATCH',
      `${AT}/a`,
      { spec: { type: 'ClusterIP', externalName: null } },
      { headers: { 'content-type': 'application/merge-patch+json' } },
    );
    assert.match(back.spec.clusterIP, /^10\.96\./);
    assert.equal((await booked(server)).length, 2);
  });

  void it('come in both families on a dual-stack cluster', async () => {
    await using server = await startTestServer({ serviceCidrs: ['10.96.0.0/16', 'fd00:10:96::/112'] });
    const single = await server.ok('POST', AT, service('a'));
    assert.deepEqual(single.spec.ipFamilies, ['IPv4']);
    const dual = await server.ok('POST', AT, service('d', { ipFamilyPolicy: 'PreferDualStack' }));
    assert.deepEqual(dual.spec.ipFamilies, ['IPv4', 'IPv6']);
    assert.match(dual.spec.clusterIPs[1], /^fd00:10:96::/);
    const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
    const one = await server.ok('PATCH', `${AT}/d`, { spec: { ipFamilyPolicy: 'SingleStack' } }, merge);
    assert.deepEqual(one.spec.clusterIPs, [dual.spec.clusterIPs[0]]);
    assert.equal((await booked(server)).length, 3);
  });
});

void describe('node ports', () => {
  void it('are given, kept, shared between protocols of one port, and given back', async () => {
    await using server = await startTestServer();
    const ports = [
      { name: 't', port: 53, protocol: 'TCP' },
      { name: 'u', port: 53, protocol: 'UDP' },
      { name: 'w', port: 80 },
    ];
    const made = await server.ok('POST', AT, service('a', { type: 'NodePort', ports }));
    const [t, u, w] = made.spec.ports.map((p: Loose) => p.nodePort);
    assert.equal(t, u);
    assert.notEqual(t, w);
    assert.ok(t >= 30_086 && t <= 32_767);
    const kept = await server.ok('PUT', `${AT}/a`, service('a', { type: 'NodePort', ports }));
    assert.deepEqual(
      kept.spec.ports.map((p: Loose) => p.nodePort),
      [t, u, w],
    );
    assert.equal(server.store.count(NODE_PORT_PREFIX), 2);
    const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
    const plain = await server.ok('PATCH', `${AT}/a`, { spec: { type: 'ClusterIP' } }, merge);
    assert.deepEqual(
      plain.spec.ports.map((p: Loose) => p.nodePort),
      [undefined, undefined, undefined],
    );
    assert.equal(server.store.count(NODE_PORT_PREFIX), 0);
  });

  void it('are refused outside the range, when taken, and where the type has none', async () => {
    await using server = await startTestServer();
    const at = (nodePort: number) => ({ type: 'NodePort', ports: [{ port: 80, nodePort }] });
    const prefix = 'Service "b" is invalid: spec.ports[0].nodePort';
    assert.equal(
      await messageOf(server, at(80)),
      `${prefix}: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767`,
    );
    await server.ok('POST', AT, service('a', at(30_080)));
    assert.equal(
      await messageOf(server, at(30_080)),
      `${prefix}: Invalid value: 30080: provided port is already allocated`,
    );
    assert.equal(
      await messageOf(server, { ...at(30_081), type: 'ClusterIP' }),
      `${prefix}: Forbidden: may not be used when \`type\` is 'ClusterIP'`,
    );
  });

  void it('include one for health checks while the traffic policy is Local', async () => {
    await using server = await startTestServer();
    const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local' };
    const made = await server.ok('POST', AT, service('a', spec));
    assert.ok(made.spec.healthCheckNodePort >= 30_000);
    const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
    const cluster = await server.ok('PATCH', `${AT}/a`, { spec: { externalTrafficPolicy: 'Cluster' } }, merge);
    assert.equal(cluster.spec.healthCheckNodePort, undefined);
    assert.equal(server.store.count(NODE_PORT_PREFIX), 1);
  });
});

void describe('load balancer addresses', () => {
  void it('come from the pool, if there is one', async () => {
    await using none = await startTestServer();
    const pending = await none.ok('POST', AT, service('a', { type: 'LoadBalancer' }));
    assert.deepEqual(pending.status.loadBalancer, {});
    await using server = await startTestServer({ loadBalancerCidr: '172.30.0.240/29' });
    const made = await server.ok('POST', AT, service('a', { type: 'LoadBalancer' }));
    assert.match(made.status.loadBalancer.ingress[0].ip, /^172\.30\.0\.24[1-6]$/);
    const again = await server.ok('GET', `${AT}/a`);
    assert.deepEqual(again.status, made.status);
  });
});

void describe('ServiceCIDR objects', () => {
  const AT_CIDRS = '/apis/networking.k8s.io/v1/servicecidrs';
  const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

  void it('add ranges, and stay until no address needs them', async () => {
    await using server = await startTestServer({ serviceCidrs: ['10.96.0.0/28'] });
    const own = await server.ok('GET', `${AT_CIDRS}/kubernetes`);
    assert.equal(own.status.conditions[0].status, 'True');
    assert.deepEqual(own.metadata.finalizers, ['networking.k8s.io/service-cidr-finalizer']);
    for (let i = 0; i < 13; i++) await server.ok('POST', AT, service(`s${i}`));
    assert.match(await messageOf(server, {}), /range is full/);
    await server.ok('POST', AT_CIDRS, { metadata: { name: 'more' }, spec: { cidrs: ['10.97.0.0/24'] } });
    await settled();
    const { spec } = await server.ok('POST', AT, service('c'));
    assert.match(spec.clusterIP, /^10\.97\.0\./);
    await server.ok('DELETE', `${AT_CIDRS}/more`);
    await settled();
    const waiting = await server.ok('GET', `${AT_CIDRS}/more`);
    assert.equal(waiting.status.conditions[0].reason, 'Terminating');
    assert.match(await messageOf(server, { clusterIP: '10.97.0.9' }), /not in the valid range/);
    await server.ok('DELETE', `${AT}/c`);
    await server.ok(
      'PATCH',
      `${AT_CIDRS}/more`,
      { metadata: { labels: { a: 'b' } } },
      { headers: { 'content-type': 'application/merge-patch+json' } },
    );
    await settled();
    assert.equal((await server.call('GET', `${AT_CIDRS}/more`)).status, 404);
  });

  void it('refuses with every cause, those of validation beside those of allocation', async () => {
    await using server = await startTestServer();
    const all = '/api/v1/namespaces/default/services';
    const causes = async (spec: object): Promise<string[]> => {
      const { status, body } = await server.call('POST', all, { metadata: { name: 'b' }, spec });
      assert.equal(status, 422);
      assert.equal(body.message.startsWith('Service "b" is invalid: ['), true, body.message);
      for (const cause of body.details.causes) assert.ok(body.message.includes(`${cause.field}: ${cause.message}`));
      return body.details.causes.map((c: { field: string }) => c.field);
    };
    const bad = [{ port: 70_000, targetPort: 80, protocol: 'HTTP' }];
    const wrongPort = ['spec.ports[0].port', 'spec.ports[0].protocol'];
    assert.deepEqual(await causes({ clusterIP: '1.2.3', ports: bad }), ['spec.clusterIPs[0]', ...wrongPort]);
    assert.deepEqual(await causes({ clusterIP: '1.2.3.4', ports: bad }), ['spec.clusterIPs', ...wrongPort]);
    assert.deepEqual(await causes({ ipFamilies: ['IPv6'], ports: bad }), ['spec.ipFamilies[0]', ...wrongPort]);
    assert.deepEqual(
      await causes({
        type: 'LoadBalancer',
        externalTrafficPolicy: 'Local',
        ports: [{ ...bad[0], nodePort: 80 }],
      }),
      ['spec.ports[0].nodePort', ...wrongPort],
    );
  });
});
