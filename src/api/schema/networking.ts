// Types of networking.k8s.io/v1. The notation is explained in schema.ts.
export const networkingTypes = `
kind Ingress
  1 metadata meta.ObjectMeta embedded
  2 spec IngressSpec embedded
  3 status IngressStatus embedded
type IngressSpec
  4 ingressClassName string?
  1 defaultBackend IngressBackend
  2 tls []IngressTLS atomic
  3 rules []IngressRule atomic
type IngressBackend
  4 service IngressServiceBackend
  3 resource core.TypedLocalObjectReference
type IngressServiceBackend
  1 name string required
  2 port ServiceBackendPort embedded
type ServiceBackendPort atomic
  1 name string
  2 number int32
type IngressTLS
  1 hosts []string atomic
  2 secretName string
type IngressRule
  1 host string
  2 ingressRuleValue IngressRuleValue inline
type IngressRuleValue
  1 http HTTPIngressRuleValue
type HTTPIngressRuleValue
  1 paths []HTTPIngressPath required atomic
type HTTPIngressPath
  1 path string
  3 pathType string required
  2 backend IngressBackend embedded required
type IngressStatus
  1 loadBalancer IngressLoadBalancerStatus embedded
type IngressLoadBalancerStatus
  1 ingress []IngressLoadBalancerIngress atomic
type IngressLoadBalancerIngress
  1 ip string
  2 hostname string
  4 ports []IngressPortStatus atomic
type IngressPortStatus
  1 port int32 required
  2 protocol string required
  3 error string
kind IngressClass
  1 metadata meta.ObjectMeta embedded
  2 spec IngressClassSpec embedded
type IngressClassSpec
  1 controller string
  2 parameters IngressClassParametersReference
type IngressClassParametersReference
  1 apiGroup string
  2 kind string required
  3 name string required
  4 scope string
  5 namespace string
kind NetworkPolicy
  1 metadata meta.ObjectMeta embedded
  2 spec NetworkPolicySpec embedded
type NetworkPolicySpec
  1 podSelector meta.LabelSelector embedded
  2 ingress []NetworkPolicyIngressRule atomic
  3 egress []NetworkPolicyEgressRule atomic
  4 policyTypes []string atomic
type NetworkPolicyIngressRule
  1 ports []NetworkPolicyPort atomic
  2 from []NetworkPolicyPeer atomic
type NetworkPolicyPort
  1 protocol string
  2 port intorstring
  3 endPort int32?
type NetworkPolicyPeer
  1 podSelector meta.LabelSelector
  2 namespaceSelector meta.LabelSelector
  3 ipBlock IPBlock
type IPBlock
  1 cidr string required
  2 except []string atomic
type NetworkPolicyEgressRule
  1 ports []NetworkPolicyPort atomic
  2 to []NetworkPolicyPeer atomic
kind ServiceCIDR
  1 metadata meta.ObjectMeta embedded
  2 spec ServiceCIDRSpec embedded
  3 status ServiceCIDRStatus embedded
type ServiceCIDRSpec
  1 cidrs []string atomic
type ServiceCIDRStatus
  1 conditions []meta.Condition keys=type merge=type
kind IPAddress
  1 metadata meta.ObjectMeta embedded
  2 spec IPAddressSpec embedded required
type IPAddressSpec
  1 parentRef ParentReference required
type ParentReference
  1 group string
  2 resource string required
  3 namespace string
  4 name string required
`;
