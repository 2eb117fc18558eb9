// Types of discovery.k8s.io/v1. The notation is explained in schema.ts.
export const discoveryTypes = `
kind EndpointSlice | A part of the addresses behind a Service. The label kubernetes.io/service-name says which; several slices add up.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  4 addressType string required | IPv4, IPv6 or FQDN; cannot change.
  2 endpoints []Endpoint atomic | At most 1000.
  3 ports []EndpointPort atomic | Ports that every endpoint of this slice has.
type Endpoint | One backend.
  1 addresses []string required set | Its addresses; proxies use the first.
  2 conditions EndpointConditions embedded | Whether it takes traffic.
  3 hostname string | Name by which DNS knows it, below the service's name.
  4 targetRef core.ObjectReference | The object behind the address, usually a pod.
  5 deprecatedTopology map[string] | No longer used.
  6 nodeName string | Node it is on.
  7 zone string | Zone it is in.
  8 hints EndpointHints | For which zones it is meant.
type EndpointConditions | Whether an endpoint takes traffic.
  1 ready bool? | Takes new traffic: serving and not terminating. Absent counts as true.
  2 serving bool? | Could take traffic, also while terminating.
  3 terminating bool? | Is on its way out.
type EndpointHints
  1 forZones []ForZone atomic | Proxies of these zones should use it.
  2 forNodes []ForNode atomic | Proxies of these nodes should use it.
type ForZone
  1 name string required | Name, unique among its like.
type ForNode
  1 name string required | Name, unique among its like.
type EndpointPort atomic | One port of all endpoints in a slice.
  1 name string? | Name of the service port it belongs to.
  2 protocol string? | TCP, UDP or SCTP.
  3 port int32? | Port number; absent means all ports.
  4 appProtocol string? | Application protocol, such as http or kubernetes.io/h2c.
`;
