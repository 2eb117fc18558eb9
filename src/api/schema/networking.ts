// Types of networking.k8s.io/v1. The notation is explained in schema.ts.
export const networkingTypes = `
kind Ingress | Routes HTTP from outside to Services by host and path.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec IngressSpec embedded | What is wanted.
  3 status IngressStatus embedded | What is observed, written by controllers.
type IngressSpec
  4 ingressClassName string? | Which controller serves it.
  1 defaultBackend IngressBackend | Where requests go that no rule takes.
  2 tls []IngressTLS atomic | Hosts with certificates.
  3 rules []IngressRule atomic | Hosts and paths.
type IngressBackend
  4 service IngressServiceBackend | A Service in the same namespace.
  3 resource core.TypedLocalObjectReference | Plural name of the resource.
type IngressServiceBackend
  1 name string required | Name, unique among its like.
  2 port ServiceBackendPort embedded | Port number or name.
type ServiceBackendPort atomic
  1 name string | Name, unique among its like.
  2 number int32
type IngressTLS
  1 hosts []string atomic
  2 secretName string | Name of the Secret.
type IngressRule
  1 host string | Host name or address.
  2 ingressRuleValue IngressRuleValue inline
type IngressRuleValue
  1 http HTTPIngressRuleValue
type HTTPIngressRuleValue
  1 paths []HTTPIngressPath required atomic
type HTTPIngressPath
  1 path string | Path of the file or directory.
  3 pathType string required | Exact, Prefix or ImplementationSpecific.
  2 backend IngressBackend embedded required | Where the request goes.
type IngressStatus
  1 loadBalancer IngressLoadBalancerStatus embedded | What the load balancer reports.
type IngressLoadBalancerStatus
  1 ingress []IngressLoadBalancerIngress atomic | Points of entry.
type IngressLoadBalancerIngress
  1 ip string | IP address.
  2 hostname string | Host name.
  4 ports []IngressPortStatus atomic | Ports it is about.
type IngressPortStatus
  1 port int32 required | Port number or name.
  2 protocol string required | TCP, UDP or SCTP.
  3 error string | What went wrong.
kind IngressClass | A controller that serves Ingress objects.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec IngressClassSpec embedded | What is wanted.
type IngressClassSpec
  1 controller string | Name of the controller.
  2 parameters IngressClassParametersReference
type IngressClassParametersReference
  1 apiGroup string | API group of the object meant; empty for core.
  2 kind string required | Kind of the object meant.
  3 name string required | Name, unique among its like.
  4 scope string
  5 namespace string | Namespace of the object meant.
kind NetworkPolicy | Which traffic pods may receive and send.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec NetworkPolicySpec embedded | What is wanted.
type NetworkPolicySpec
  1 podSelector meta.LabelSelector embedded | Pods it is about; an empty one means all of the namespace.
  2 ingress []NetworkPolicyIngressRule atomic | Traffic that may come in; nothing else may.
  3 egress []NetworkPolicyEgressRule atomic | Traffic that may go out; nothing else may.
  4 policyTypes []string atomic | Ingress, Egress or both: which direction is restricted.
type NetworkPolicyIngressRule
  1 ports []NetworkPolicyPort atomic | On which ports; absent means on all.
  2 from []NetworkPolicyPeer atomic | Where from; absent means from anywhere.
type NetworkPolicyPort
  1 protocol string | TCP, UDP or SCTP.
  2 port intorstring | Port number or name.
  3 endPort int32? | Last port of a range that begins at port.
type NetworkPolicyPeer
  1 podSelector meta.LabelSelector | Selects pods by labels; an empty one selects all.
  2 namespaceSelector meta.LabelSelector | Selects namespaces by labels; an empty one selects all.
  3 ipBlock IPBlock | Addresses instead of pods.
type IPBlock
  1 cidr string required | The range.
  2 except []string atomic | Parts of the range that are left out.
type NetworkPolicyEgressRule
  1 ports []NetworkPolicyPort atomic | On which ports; absent means on all.
  2 to []NetworkPolicyPeer atomic | Where to; absent means anywhere.
kind ServiceCIDR | Ranges from which Services get their addresses.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec ServiceCIDRSpec embedded | What is wanted.
  3 status ServiceCIDRStatus embedded | What is observed, written by controllers.
type ServiceCIDRSpec
  1 cidrs []string atomic | One range, or one a family; cannot change.
type ServiceCIDRStatus
  1 conditions []meta.Condition keys=type merge=type | Facts about the state, one a type.
kind IPAddress | One address of a Service that is taken; its name is the address.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec IPAddressSpec embedded required | What is wanted.
type IPAddressSpec
  1 parentRef ParentReference required | Who uses the address.
type ParentReference | The object that uses an address.
  1 group string | API group.
  2 resource string required | Plural name of the resource.
  3 namespace string | Namespace of the object meant.
  4 name string required | Name, unique among its like.
`;
