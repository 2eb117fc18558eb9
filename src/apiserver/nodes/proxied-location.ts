// Where a redirect of a proxied server leads: its own paths are below the proxy's for the client.
import type { Destination } from './destination.ts';

/**
 * The `Location` for the client. What leads to another host, or is relative to the page it comes from, stays.
 * @param prefix the client's path up to and including `/proxy`
 * @param host the `Host` that the client named
 */
export function proxiedLocation(
  location: string,
  to: Pick<Destination, 'host' | 'port'>,
  prefix: string,
  host: string,
): string {
  const absolute = /^(?:[a-z][a-z\d+.-]*:)?\/\/([^/?#]*)([^]*)$/i.exec(location);
  const [, authority, rest] = absolute ?? [undefined, '', location];
  const bare = to.host.includes(':') ? `[${to.host}]` : to.host;
  if (authority !== '' && ![bare, `${bare}:${to.port}`, host].includes(authority ?? '')) return location;
  const path = absolute !== null && !rest?.startsWith('/') ? `/${rest ?? ''}` : (rest ?? '');
  if (!path.startsWith('/')) return location;
  return path.startsWith(prefix) ? path : `${prefix}${path}`;
}
