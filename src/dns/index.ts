// The door of the dns room.
export { DnsConfigError, defaultBlock, defaultDnsConfig, defaultForward, defaultKubernetes } from './config/config.ts';
export type { BlockConfig, DnsConfig, ForwardBlockConfig, KubernetesConfig } from './config/config.ts';
export type { Answer, DnsPlugin, Query } from './plugin.ts';
export { startDns } from './start-dns.ts';
export type { DnsListen, DnsOptions, DnsServer, StopOptions } from './start-dns.ts';
export { queryDns, QueryDnsError } from './query-dns.ts';
export type { QueryDnsOptions, QueryDnsResult } from './query-dns.ts';
export { parseDnsConfig } from './config/parse-dns-config.ts';
export { parseSearchPath } from './config/resolv-conf.ts';
export type { SearchPath } from './config/resolv-conf.ts';
export { explainDns } from './explain.ts';
export type { Explanation, ExplainOptions, ExplainStep } from './explain.ts';
