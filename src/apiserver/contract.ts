// What the API server takes and gives, free of any transport: HTTP and the in-process client speak it alike. Types only.
import type { Clock } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import type { Registry } from '../metrics/index.ts';
import type { Store } from '../store/index.ts';

/** Who asks, as authentication established it. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface ApiRequest {
  readonly method: string;
  /** Decoded by nobody yet, without the query: `/api/v1/namespaces/default/pods`. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly user: User;
  /** Bytes as they came, or a JSON value that the callee may keep but not change. */
  readonly body?: unknown;
  readonly signal: AbortSignal;
}

/** One step of a watch. A bookmark's object carries only kind, apiVersion and metadata. */
export interface WatchStep {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: unknown;
}

export interface ApiResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** A JSON value, text, bytes, or for a watch its steps. JSON values are shared: read them, never change them. */
  readonly body: unknown;
}

/** PEM texts of the server's own TLS certificate and of the authority that signs client certificates. */
export interface ServingTls {
  readonly certPem: string;
  readonly keyPem: string;
  readonly clientCaPem: string;
}

export type ListenAddress = { readonly fd: number } | { readonly host: string; readonly port: number };

export interface Listening {
  /** Where it listens, one a socket, in the order asked for. */
  readonly addresses: readonly { readonly address: string; readonly port: number }[];
  /** Replaces certificates without dropping connections. */
  setTls(tls: ServingTls): void;
  /** Stops accepting, ends watches, and closes what is still open after a moment. */
  close(): Promise<void>;
}

/** How the server reaches the node agents' HTTPS port: it shows a client certificate and checks theirs. */
export interface NodeAgentTls {
  readonly certPem: string;
  readonly keyPem: string;
  readonly caPem: string;
}

/** What bounds the requests of clients. What is left out has its default. */
export interface RequestLimits {
  /** @default 400 reads and 200 writes at a time */
  readonly inFlight?: { readonly reads: number; readonly writes: number };
  /** Requests a second of one user over the network; administrators are exempt. @default 500, and 1000 at once */
  readonly perUser?: { readonly perSecond: number; readonly burst: number };
  /** For an answer and for a body to arrive; watches, logs, exec and proxied requests have no such limit. @default 60000 */
  readonly timeoutMs?: number;
  /** Of a request's body. @default 3 MiB, as kube-apiserver */
  readonly maxBodyBytes?: number;
}

export interface ApiServerOptions {
  readonly store: Store;
  /** One or two service CIDRs, the primary family first. @default ['10.96.0.0/12'] */
  readonly serviceCidrs?: readonly string[];
  /** @default { first: 30000, last: 32767 } */
  readonly nodePorts?: { readonly first: number; readonly last: number };
  /** Addresses for Services of type LoadBalancer; without it they stay pending. */
  readonly loadBalancerCidr?: string;
  /** Where `default/kubernetes` points: an address that nodes and pods can reach. */
  readonly advertise: { readonly address: string; readonly port: number };
  /** Private key (EC P-256, PEM) that signs service account tokens. */
  readonly serviceAccountKeyPem: string;
  /** The `iss` of those tokens. @default 'https://kubernetes.default.svc.cluster.local' */
  readonly issuer?: string;
  /** Needed for logs, exec, attach, portforward and node proxy. */
  readonly nodeAgentTls?: NodeAgentTls;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** Where the server's metrics go, and what /metrics renders. */
  readonly metrics?: Registry;
  /** Receives one JSON line per finished request (Metadata level). */
  readonly audit?: (line: string) => void;
  readonly limits?: RequestLimits;
}

export interface ApiServer {
  /** Resolves when namespaces, roles and `default/kubernetes` are in the store: the moment /readyz turns ok. */
  readonly ready: Promise<void>;
  /** Answers a request whose user is established already. Never rejects: failures are answers. */
  handle(request: ApiRequest): Promise<ApiResponse>;
  /** Opens TLS on every address (HTTP/2, HTTP/1.1, upgrades); who asks is told by certificate or token. */
  listen(addresses: readonly ListenAddress[], tls: ServingTls): Promise<Listening>;
  close(): Promise<void>;
}
