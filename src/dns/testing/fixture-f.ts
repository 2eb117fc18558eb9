// The cluster of the record scenarios: one namespace that is shown, with every kind of service.
import { clusterIp, externalName, namespace, slice } from './objects.ts';
import type { AnyObject } from './objects.ts';

export const FIXTURE_F: readonly AnyObject[] = [
  namespace('testns'),
  namespace('unexposedns'),
  namespace('kube-system'),
  clusterIp('testns/svc1', '10.0.0.1', 'http:80'),
  slice('testns/svc1', ['http:80'], '172.0.0.1=ep1a'),
  clusterIp('testns/svcempty', '10.0.0.1', 'http:80'),
  slice('testns/svcempty', ['http:80']),
  clusterIp('testns/svc6', '1234:abcd::1', 'http:80'),
  slice('testns/svc6', ['http:80'], '5678:abcd::9'),
  clusterIp('testns/svc-dual-stack', ['10.0.0.3', '10::3'], 'http:80'),
  clusterIp('testns/hdls1', 'None', 'http:80'),
  slice('testns/hdls1/a', ['http:80'], '172.0.0.2', '172.0.0.3', '172.0.0.4=dup-name', '172.0.0.5=dup-name'),
  slice('testns/hdls1/b', ['http:80'], '5678:abcd::1', '5678:abcd::2'),
  clusterIp('testns/hdlsprtls', 'None'),
  slice('testns/hdlsprtls', [], '172.0.0.20'),
  externalName('testns/external', 'ext.interwebs.test'),
  externalName('testns/external-to-service', 'svc1.testns.svc.cluster.local.'),
  clusterIp('unexposedns/svc1', '10.0.0.2', 'http:80'),
  clusterIp('kube-system/kubedns', '10.0.0.10', 'dns:53/UDP'),
];
