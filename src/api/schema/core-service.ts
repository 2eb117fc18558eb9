// Types of core/v1: services and endpoints. The notation is explained in schema.ts.
export const coreServiceTypes = `
kind Service | One stable address and name for a changing set of pods, or for anything behind endpoints.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec ServiceSpec embedded | What is wanted.
  3 status ServiceStatus embedded | What is observed, written by controllers.
type ServiceSpec | Which pods, on which ports, reachable how.
  1 ports []ServicePort keys=port,protocol merge=port | Ports of the service, and the ports of the pods they lead to.
  2 selector map[string] atomic | Labels of the pods behind it. Without one you write EndpointSlices yourself.
  3 clusterIP string | Its virtual address inside the cluster. Empty: the server picks one. None: headless, names lead straight to the pods.
  18 clusterIPs []string atomic | Its virtual addresses, one a family; the first is clusterIP.
  4 type string | ClusterIP: inside the cluster. NodePort: also a port of every node. LoadBalancer: also an outside address. ExternalName: an alias in DNS.
  5 externalIPs []string atomic | Further addresses for which nodes accept traffic; you see to it that it gets there.
  7 sessionAffinity string | ClientIP sends a client to the same pod each time; None does not.
  8 loadBalancerIP string | Address asked of the load balancer; not every one listens.
  9 loadBalancerSourceRanges []string atomic | Only clients of these ranges get through the load balancer.
  10 externalName string | With type ExternalName: the name that DNS answers with.
  11 externalTrafficPolicy string | Cluster: any pod may answer traffic from outside. Local: only pods of the node it arrives at, which keeps the client's address.
  12 healthCheckNodePort int32 | With externalTrafficPolicy Local: port that tells load balancers which nodes have pods.
  13 publishNotReadyAddresses bool | DNS and endpoints show pods that are not ready as well.
  14 sessionAffinityConfig SessionAffinityConfig | Settings of sessionAffinity.
  19 ipFamilies []string atomic | IPv4, IPv6 or both; the first is that of clusterIP.
  17 ipFamilyPolicy string | SingleStack, PreferDualStack or RequireDualStack.
  20 allocateLoadBalancerNodePorts bool? | False: a LoadBalancer service gets no node ports.
  21 loadBalancerClass string? | Which load balancer serves it; cannot change once set.
  22 internalTrafficPolicy string | Cluster: any pod may answer traffic from inside. Local: only pods of the same node.
  23 trafficDistribution string | PreferSameZone (or PreferClose) prefers pods of the same zone, PreferSameNode those of the same node.
type ServicePort | A port of a service.
  1 name string | Needed when there are several ports; DNS has SRV records by it.
  2 protocol string default=TCP | TCP, UDP or SCTP.
  6 appProtocol string? | Application protocol, such as http or kubernetes.io/h2c.
  3 port int32 required | Port of the service's address.
  4 targetPort intorstring | Port of the pods, by number or by the name in the container; the same number unless set.
  5 nodePort int32 | Port of every node, for NodePort and LoadBalancer; the server picks one unless set.
type SessionAffinityConfig
  1 clientIP ClientIPConfig | Settings of ClientIP.
type ClientIPConfig
  1 timeoutSeconds int32? | Seconds after which a silent client is forgotten; 10800 unless set.
type ServiceStatus | What the load balancer reports.
  1 loadBalancer LoadBalancerStatus embedded | What the load balancer reports.
  2 conditions []meta.Condition keys=type merge=type | Facts about the state, one a type.
type LoadBalancerStatus
  1 ingress []LoadBalancerIngress atomic | Where the load balancer is reached.
type LoadBalancerIngress | One point of entry.
  1 ip string | IP address.
  2 hostname string | Host name.
  3 ipMode string | VIP: packets arrive with this address. Proxy: with the node's.
  4 ports []PortStatus atomic | Ports it is about.
type PortStatus
  1 port int32 required | Port number or name.
  2 protocol string required | TCP, UDP or SCTP.
  3 error string | What went wrong.
kind Endpoints | Addresses behind a Service, all in one object. EndpointSlice is its successor.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 subsets []EndpointSubset atomic | Addresses with the same ports.
type EndpointSubset | Addresses with the same ports.
  1 addresses []EndpointAddress atomic | Addresses that take traffic.
  2 notReadyAddresses []EndpointAddress atomic | Addresses that do not, yet or any more.
  3 ports []EndpointPort atomic | Ports that all these addresses have.
type EndpointAddress atomic | One address.
  1 ip string required | IP address.
  3 hostname string | Host name.
  4 nodeName string | Node it is on.
  2 targetRef ObjectReference | The object behind the address, usually a pod.
type EndpointPort atomic | One port of the addresses.
  1 name string | Name of the service port it belongs to.
  2 port int32 required | Port number.
  3 protocol string | TCP, UDP or SCTP.
  4 appProtocol string | Application protocol, such as http or kubernetes.io/h2c.
`;
