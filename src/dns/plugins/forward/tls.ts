// DNS over TLS to an upstream (RFC 7858). Loaded only when one is configured.
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { streamTransport, UpstreamError } from './exchange.ts';
import type { OnUse, Transport, UpstreamAddress } from './exchange.ts';

export function tlsTransport(target: UpstreamAddress, onUse: OnUse): Transport {
  const name = target.tlsName ?? '';
  const { ca, cert, key } = target.tlsFiles ?? {};
  const read = (file: string | undefined) => {
    if (file === undefined) return undefined;
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      throw new UpstreamError(`cannot read ${file} for TLS to ${target.address}`, { cause: error });
    }
  };
  const open = ({ address, port }: UpstreamAddress) => {
    const files = { ca: read(ca), cert: read(cert), key: read(key) };
    return connect({
      host: address,
      port,
      // A server name may not be an address (RFC 6066 §3); the certificate is then checked against the host.
      ...(name !== '' && isIP(name) === 0 ? { servername: name } : {}),
      ...Object.fromEntries(Object.entries(files).filter(([, text]) => text !== undefined)),
      ALPNProtocols: ['dot'],
    });
  };
  return streamTransport(target, open, onUse);
}
