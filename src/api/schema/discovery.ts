// Types of discovery.k8s.io/v1. The notation is explained in schema.ts.
export const discoveryTypes = `
kind EndpointSlice
  1 metadata meta.ObjectMeta embedded
  4 addressType string required
  2 endpoints []Endpoint atomic
  3 ports []EndpointPort atomic
type Endpoint
  1 addresses []string required set
  2 conditions EndpointConditions embedded
  3 hostname string
  4 targetRef core.ObjectReference
  5 deprecatedTopology map[string]
  6 nodeName string
  7 zone string
  8 hints EndpointHints
type EndpointConditions
  1 ready bool?
  2 serving bool?
  3 terminating bool?
type EndpointHints
  1 forZones []ForZone atomic
  2 forNodes []ForNode atomic
type ForZone
  1 name string required
type ForNode
  1 name string required
type EndpointPort atomic
  1 name string?
  2 protocol string?
  3 port int32?
  4 appProtocol string?
`;
