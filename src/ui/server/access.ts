// Who may ask. The page can start traces as root, so another site, another user and a renamed host must all stay out.
// Pure decisions over a request's headers.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Everything from this origin, nothing from any other; no inline script or style. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

export interface Access {
  readonly token: string;
  readonly port: number;
}

export interface Question {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** The token that the address carries, if any. */
  readonly queryToken?: string | undefined;
}

export interface Refusal {
  readonly status: 401 | 403 | 421;
  readonly message: string;
}

/** Cookies do not tell ports apart: the name does, so that two pages on one machine do not log each other out. */
export const cookieName = (port: number) => `portico-${port}`;

export const setCookie = ({ token, port }: Access) => `${cookieName(port)}=${token}; Path=/; HttpOnly; SameSite=Strict`;

/** Undefined: come in. */
export function refuse({ method, headers, queryToken }: Question, access: Access): Refusal | undefined {
  const hosts = [`127.0.0.1:${access.port}`, `localhost:${access.port}`];
  // A name that somebody else resolves to 127.0.0.1 would make their page our origin.
  if (!hosts.includes(headers.host ?? '')) {
    return { status: 421, message: `this page answers only as ${hosts.join(' or ')}` };
  }
  const fromPage = hosts.some((host) => headers.origin === `http://${host}`);
  if (headers.origin !== undefined && !fromPage) return { status: 403, message: 'another site may not ask this page' };
  // A reader that comes with the token may have clicked it anywhere; everything else comes from the page or is typed.
  const site = headers['sec-fetch-site'];
  const elsewhere = site !== undefined && site !== 'same-origin' && site !== 'none';
  if (elsewhere && !(method === 'GET' && sameToken(queryToken, access.token))) {
    return { status: 403, message: 'another site may not ask this page' };
  }
  const bearer = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1];
  // Browsers send an origin with every POST; a program without one shows the token itself.
  if (method !== 'GET' && method !== 'HEAD' && !fromPage && !sameToken(bearer, access.token)) {
    return { status: 403, message: 'send the header Origin or Authorization' };
  }
  const shown = [queryToken, bearer, readCookie(headers.cookie, cookieName(access.port))];
  if (shown.some((token) => sameToken(token, access.token))) return undefined;
  return { status: 401, message: "open the address that 'portico ui' printed, with its token" };
}

function readCookie(header: string | undefined, name: string): string | undefined {
  for (const pair of (header ?? '').split(';')) {
    const [key, value] = pair.trim().split('=', 2);
    if (key === name) return value;
  }
  return undefined;
}

/** Digests have one length and tell nothing of how far two texts agree. */
function sameToken(shown: string | undefined, token: string): boolean {
  if (shown === undefined) return false;
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(shown), digest(token));
}
