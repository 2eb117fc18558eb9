// What kubectl says when a Service is wrong: the texts of a real API server, word for word, for people who search them.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { findKubectls, kubectl, type Kubectl } from '../../src/apiserver/testing/kubectl.ts';
import { ADMIN, startLiveServer, type LiveServer } from './live-server.ts';

const port80 = { ports: [{ port: 80 }] };
const invalid = (name: string, ...errors: string[]) =>
  errors.length === 1
    ? `The Service "${name}" is invalid: ${errors[0]}`
    : `The Service "${name}" is invalid: \n${errors.map((e) => `* ${e}`).join('\n')}`;

/** Services that are refused, each with what follows `The Service "b" is invalid:`. */
const REFUSED: readonly (readonly [title: string, spec: object, ...errors: string[]])[] = [
  ['no ports', {}, 'spec.ports: Required value'],
  [
    'two ports without names',
    { ports: [{ port: 80 }, { port: 81 }] },
    'spec.ports[0].name: Required value',
    'spec.ports[1].name: Required value',
  ],
  [
    'a name twice',
    {
      ports: [
        { name: 'h', port: 80 },
        { name: 'h', port: 81 },
      ],
    },
    'spec.ports[1].name: Duplicate value: "h"',
  ],
  [
    'a port twice',
    {
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 80 },
      ],
    },
    'spec.ports[1]: Duplicate value: core.ServicePort{Name:"", Protocol:"TCP", AppProtocol:(*string)(nil), Port:80, TargetPort:intstr.IntOrString{Type:0, IntVal:0, StrVal:""}, NodePort:0}',
  ],
  [
    'port 70000',
    { ports: [{ port: 70_000 }] },
    'spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive',
    'spec.ports[0].targetPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
  ],
  [
    'a port name with capitals',
    { ports: [{ name: 'My_Port', port: 80 }] },
    `spec.ports[0].name: Invalid value: "My_Port": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
  ],
  [
    'protocol HTTP',
    { ports: [{ port: 80, protocol: 'HTTP' }] },
    'spec.ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"',
  ],
  [
    'a long name of a target port',
    { ports: [{ port: 80, targetPort: 'this-name-is-too-long-x' }] },
    'spec.ports[0].targetPort: Invalid value: "this-name-is-too-long-x": must be no more than 15 characters',
  ],
  [
    'an address out of range',
    { ...port80, clusterIP: '1.2.3.4' },
    'spec.clusterIPs: Invalid value: []string{"1.2.3.4"}: failed to allocate IP 1.2.3.4: the provided IP (1.2.3.4) is not in the valid range. The range of valid IPs is 10.96.0.0/16',
  ],
  [
    'no address at all',
    { ...port80, clusterIP: '1.2.3' },
    'spec.clusterIPs[0]: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ],
  [
    'an address that is taken',
    { ...port80, clusterIP: '10.96.0.1' },
    'spec.clusterIPs: Invalid value: []string{"10.96.0.1"}: failed to allocate IP 10.96.0.1: provided IP is already allocated',
  ],
  [
    'IPv6 on a cluster without it',
    { ...port80, ipFamilies: ['IPv6'] },
    'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
  ],
  [
    'RequireDualStack on a cluster of one family',
    { ...port80, ipFamilyPolicy: 'RequireDualStack' },
    'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
  ],
  [
    'a node port on ClusterIP',
    { ports: [{ port: 80, nodePort: 30_080 }] },
    "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
  ],
  [
    'a node port out of range',
    { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] },
    'spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
  ],
  [
    'a node port that is taken',
    { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] },
    'spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
  ],
  [
    'headless with node ports',
    { ...port80, type: 'NodePort', clusterIP: 'None' },
    `spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`,
  ],
  [
    'None beside an address',
    { ...port80, clusterIP: 'None', clusterIPs: ['None', '10.96.0.9'] },
    `spec.clusterIPs: Invalid value: []string{"None", "10.96.0.9"}: 'None' must be the first and only value`,
  ],
  ['ExternalName without a name', { type: 'ExternalName' }, 'spec.externalName: Required value'],
  [
    'ExternalName with an address',
    { type: 'ExternalName', externalName: 'a.b', clusterIP: '10.96.0.9' },
    'spec.clusterIPs: Forbidden: may not be set for ExternalName services',
  ],
  [
    'an unknown affinity',
    { ...port80, sessionAffinity: 'Foo' },
    'spec.sessionAffinity: Unsupported value: "Foo": supported values: "ClientIP", "None"',
  ],
  [
    'affinity for more than a day',
    {
      ...port80,
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_401 } },
    },
    'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400',
  ],
  [
    'an external policy without external traffic',
    { ...port80, externalTrafficPolicy: 'Local' },
    'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
  ],
  [
    'an unknown internal policy',
    { ...port80, internalTrafficPolicy: 'Foo' },
    'spec.internalTrafficPolicy: Unsupported value: "Foo": supported values: "Cluster", "Local"',
  ],
  [
    'an unknown type',
    { ...port80, type: 'Foo' },
    'spec.type: Unsupported value: "Foo": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
  ],
  [
    'an external address on loopback',
    { ...port80, externalIPs: ['127.0.0.1'] },
    'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
  ],
];

const service = (name: string, spec: object, namespace?: string) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    spec,
  });

void describe('kubectl says of a Service', { concurrency: 4 }, () => {
  let server: LiveServer;
  let k: Kubectl;
  before(async () => {
    server = await startLiveServer();
    const [binary = 'kubectl'] = [...findKubectls().values()].toReversed();
    k = kubectl(binary, server.kubeconfig(ADMIN), 'default');
    for (const [name, spec] of [
      ['a', { ...port80, clusterIP: '10.96.0.50' }],
      ['taken', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] }],
    ] as const)
      await k.ok(['create', '-f', '-'], service(name, spec));
  });
  after(async () => {
    k[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
  });
  const refused = async (args: string[], input: string | undefined, text: string) => {
    const { code, stdout, stderr } = await k.run(args, input);
    assert.equal(stderr.trimEnd(), text);
    assert.equal(stdout, '');
    assert.equal(code, 1);
  };

  for (const [title, spec, ...errors] of REFUSED) {
    void it(title, () => refused(['create', '-f', '-'], service('b', spec), invalid('b', ...errors)));
  }

  void it('a name that starts with a digit', () =>
    refused(
      ['create', '-f', '-'],
      service('1b', port80),
      invalid(
        '1b',
        `metadata.name: Invalid value: "1b": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`,
      ),
    ));
  void it('an address that shall change', () =>
    refused(
      ['patch', 'svc', 'a', '-p', '{"spec":{"clusterIP":"10.96.0.77","clusterIPs":["10.96.0.77"]}}'],
      undefined,
      invalid('a', 'spec.clusterIPs[0]: Invalid value: []string{"10.96.0.77"}: may not change once set'),
    ));
  void it('a family that shall change', () =>
    refused(
      ['patch', 'svc', 'a', '-p', '{"spec":{"ipFamilies":["IPv6"]}}'],
      undefined,
      invalid(
        'a',
        'spec.clusterIPs[0]: Invalid value: "10.96.0.50": expected an IPv6 value as indicated by `ipFamilies[0]`',
      ),
    ));
  void it('an address with zeros in front', async () => {
    const { code, stderr } = await k.run(
      ['create', '-f', '-'],
      service('zeros', { ...port80, clusterIP: '10.96.010.7' }),
    );
    assert.equal(
      stderr.trimEnd(),
      'Warning: spec.clusterIPs[0]: IP address was accepted, but will be invalid in a future Kubernetes release: ParseAddr("10.96.010.7"): IPv4 field has octet with leading zero',
    );
    assert.equal(code, 0);
  });
  void it('a namespace that is missing', () =>
    refused(
      ['create', '-f', '-', '-n', 'nope'],
      service('b', port80),
      'Error from server (NotFound): error when creating "STDIN": namespaces "nope" not found',
    ));
  void it('a new name in a patch', () =>
    refused(
      ['patch', 'svc', 'a', '-p', '{"metadata":{"name":"q"}}'],
      undefined,
      'Error from server (BadRequest): the name of the object (q) does not match the name on the URL (a)',
    ));
  void it('a JSON patch that does not fit', () =>
    refused(
      ['patch', 'svc', 'a', '--type=json', '-p', '[{"op":"remove","path":"/spec/nope"}]'],
      undefined,
      'The request is invalid: the server rejected our request due to an error in our request',
    ));
  void it('a name that exists', () =>
    refused(
      ['create', '-f', '-'],
      service('a', port80),
      'Error from server (AlreadyExists): error when creating "STDIN": services "a" already exists',
    ));
  void it('an old version', () =>
    refused(
      ['replace', '-f', '-'],
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'a', resourceVersion: '1' },
        spec: port80,
      }),
      'Error from server (Conflict): error when replacing "STDIN": Operation cannot be fulfilled on services "a": the object has been modified; please apply your changes to the latest version and try again',
    ));
  void it('an unknown field', () =>
    refused(
      ['create', '-f', '-'],
      service('b', { ...port80, portz: 1 }),
      'Error from server (BadRequest): error when creating "STDIN": Service in version "v1" cannot be handled as a Service: strict decoding error: unknown field "spec.portz"',
    ));
  void it('a field of the wrong type', () =>
    refused(
      ['create', '-f', '-'],
      service('b', { ports: [{ port: 'x' }] }),
      'Error from server (BadRequest): error when creating "STDIN": Service in version "v1" cannot be handled as a Service: json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32',
    ));
  void it('a user who may not', () =>
    refused(
      ['get', 'pods', '-A', '--as=system:anonymous'],
      undefined,
      'Error from server (Forbidden): pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope',
    ));
});

void describe('the server answers', () => {
  let server: LiveServer;
  before(async () => {
    server = await startLiveServer();
  });
  after(() => server[Symbol.asyncDispose]());

  const SERVICES = '/api/v1/namespaces/default/services';
  const rows: readonly (readonly [
    title: string,
    method: string,
    path: string,
    body: unknown,
    headers: Record<string, string>,
    code: number,
    reason: string,
    message: string | RegExp,
  ])[] = [
    [
      'no such kind',
      'GET',
      '/api/v1/things',
      undefined,
      {},
      404,
      'NotFound',
      'the server could not find the requested resource',
    ],
    [
      'a method that is not served',
      'POST',
      `${SERVICES}/a`,
      {},
      {},
      405,
      'MethodNotAllowed',
      'the server does not allow this method on the requested resource',
    ],
    [
      'a body of another type',
      'POST',
      SERVICES,
      {},
      { 'content-type': 'text/plain' },
      415,
      'UnsupportedMediaType',
      /^the body of the request was in an unknown format - accepted media types include: application\/json/,
    ],
    [
      'nothing the client can read',
      'GET',
      SERVICES,
      undefined,
      { accept: 'text/html' },
      406,
      'NotAcceptable',
      /^only the following media types are accepted: application\/json/,
    ],
    [
      'more than fits',
      'POST',
      SERVICES,
      Buffer.alloc(4 << 20, 32),
      {},
      413,
      'RequestEntityTooLarge',
      /limit is 3145728/,
    ],
    [
      'a wrong token',
      'GET',
      SERVICES,
      undefined,
      { authorization: 'Bearer wrong' },
      401,
      'Unauthorized',
      'Unauthorized',
    ],
    [
      'a version of the future',
      'GET',
      `${SERVICES}?resourceVersion=999999&resourceVersionMatch=NotOlderThan`,
      undefined,
      {},
      504,
      'Timeout',
      /^Timeout: Too large resource version: 999999, current: \d+$/,
    ],
    [
      'an old token to continue',
      'GET',
      `${SERVICES}?limit=1&continue=nonsense`,
      undefined,
      {},
      400,
      'BadRequest',
      /continue key is not valid/,
    ],
    [
      'initial events without a match',
      'GET',
      `${SERVICES}?watch=true&sendInitialEvents=true`,
      undefined,
      {},
      422,
      'Invalid',
      /resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch/,
    ],
    [
      'an unknown field selector',
      'GET',
      `${SERVICES}?fieldSelector=spec.foo%3D1`,
      undefined,
      {},
      400,
      'BadRequest',
      'field label not supported: spec.foo',
    ],
  ];
  for (const [title, method, path, body, headers, code, reason, message] of rows) {
    void it(title, async () => {
      const as = headers['authorization'] === undefined ? ADMIN : undefined;
      const answer = await server.call(method, path, body, { headers, as });
      const status = answer.json();
      assert.deepEqual(
        [answer.status, status.kind, status.apiVersion, status.status, status.code, status.reason],
        [code, 'Status', 'v1', 'Failure', code, reason],
        status.message,
      );
      if (typeof message === 'string') assert.equal(status.message, message);
      else assert.match(status.message, message);
    });
  }

  void it('no such path in plain text', async () => {
    const answer = await server.call('GET', '/apis/nothing.example/v1/things');
    assert.deepEqual([answer.status, answer.text], [404, '404 page not found\n']);
  });
});
