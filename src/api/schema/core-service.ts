// Types of core/v1: services and endpoints. The notation is explained in schema.ts.
export const coreServiceTypes = `
kind Service
  1 metadata meta.ObjectMeta embedded
  2 spec ServiceSpec embedded
  3 status ServiceStatus embedded
type ServiceSpec
  1 ports []ServicePort keys=port,protocol merge=port
  2 selector map[string] atomic
  3 clusterIP string
  18 clusterIPs []string atomic
  4 type string
  5 externalIPs []string atomic
  7 sessionAffinity string
  8 loadBalancerIP string
  9 loadBalancerSourceRanges []string atomic
  10 externalName string
  11 externalTrafficPolicy string
  12 healthCheckNodePort int32
  13 publishNotReadyAddresses bool
  14 sessionAffinityConfig SessionAffinityConfig
  19 ipFamilies []string atomic
  17 ipFamilyPolicy string
  20 allocateLoadBalancerNodePorts bool?
  21 loadBalancerClass string?
  22 internalTrafficPolicy string
  23 trafficDistribution string
type ServicePort
  1 name string
  2 protocol string default=TCP
  6 appProtocol string?
  3 port int32 required
  4 targetPort intorstring
  5 nodePort int32
type SessionAffinityConfig
  1 clientIP ClientIPConfig
type ClientIPConfig
  1 timeoutSeconds int32?
type ServiceStatus
  1 loadBalancer LoadBalancerStatus embedded
  2 conditions []meta.Condition keys=type merge=type
type LoadBalancerStatus
  1 ingress []LoadBalancerIngress atomic
type LoadBalancerIngress
  1 ip string
  2 hostname string
  3 ipMode string
  4 ports []PortStatus atomic
type PortStatus
  1 port int32 required
  2 protocol string required
  3 error string
kind Endpoints
  1 metadata meta.ObjectMeta embedded
  2 subsets []EndpointSubset atomic
type EndpointSubset
  1 addresses []EndpointAddress atomic
  2 notReadyAddresses []EndpointAddress atomic
  3 ports []EndpointPort atomic
type EndpointAddress atomic
  1 ip string required
  3 hostname string
  4 nodeName string
  2 targetRef ObjectReference
type EndpointPort atomic
  1 name string
  2 port int32 required
  3 protocol string
  4 appProtocol string
`;
