// DNS over TLS to an upstream (RFC 7858). Loaded only when one is configured.
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { streamTransport } from './exchange.ts';
import type { Transport, UpstreamAddress } from './exchange.ts';

export function tlsTransport(target: UpstreamAddress, ca?: string): Promise<Transport> {
  const name = target.tlsName ?? '';
  const transport = streamTransport(target, ({ address, port }) =>
    connect({
      host: address,
      port,
      // A server name may not be an address (RFC 6066 §3); the certificate is then checked against the host.
      ...(name !== '' && isIP(name) === 0 ? { servername: name } : {}),
      ...(ca === undefined ? {} : { ca }),
      ALPNProtocols: ['dot'],
    }),
  );
  return Promise.resolve(transport);
}
