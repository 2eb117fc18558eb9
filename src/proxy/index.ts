// The door of the proxy room.
export { startProxy } from './proxy.ts';
export type { Proxy, ProxyOptions } from './proxy.ts';
export { DEFAULT_PROXY_CONFIG, ProxyConfigError, parseProxyConfiguration, proxyConfigOf } from './config.ts';
export type { ProxyConfig, ProxyMode } from './config.ts';
export type { EndpointState, Family, PortState, Protocol, ServiceKey, ServiceState } from './contract.ts';
export { proxyConfigDocument } from './config-document.ts';
export { cleanupProxyRules } from './cleanup.ts';
export { endpointChain, portChains } from './iptables/names.ts';
export { applyProxySettings } from './node-settings.ts';
