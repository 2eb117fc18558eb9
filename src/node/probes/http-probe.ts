// HTTP and HTTPS requests of probes and hooks. Certificates are not checked, as kubelet does not check them.
import type { IncomingMessage } from 'node:http';
import type { core } from '../../api/objects.ts';
import { http, https } from '../../http/index.ts';
import type { ProbeOutcome, ProbeTarget } from './contract.ts';

const MAX_BODY = 10 * 1024;
const MAX_REDIRECTS = 10;

const bracket = (host: string) => (host.includes(':') ? `[${host}]` : host);

export function probeUrl(action: core.HTTPGetAction, target: ProbeTarget): URL {
  const scheme = (action.scheme ?? 'HTTP').toLowerCase();
  const host = action.host === undefined || action.host === '' ? target.ip : action.host;
  const path = action.path ?? '/';
  return new URL(`${scheme}://${bracket(host)}:${target.port(action.port)}${path.startsWith('/') ? '' : '/'}${path}`);
}

/** Header names as the user wrote them; Host and User-Agent have defaults that the user may replace. */
function headersOf(action: core.HTTPGetAction): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { 'User-Agent': 'kube-probe/1.33', Accept: '*/*' };
  for (const { name, value } of action.httpHeaders ?? []) {
    const known = Object.keys(headers).find((k) => k.toLowerCase() === name.toLowerCase());
    const before = known === undefined || known === 'User-Agent' || known === 'Accept' ? undefined : headers[known];
    if (known !== undefined) delete headers[known];
    if (before === undefined) headers[name] = value;
    else headers[name] = [...(Array.isArray(before) ? before : [before]), value];
  }
  return headers;
}

export async function probeHttp(
  action: core.HTTPGetAction,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  const first = probeUrl(action, target);
  const signal = AbortSignal.timeout(timeoutMs);
  const shown = `Get "${first.href}"`;
  try {
    let url = first;
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const { status, location, body } = await get(url, headersOf(action), signal);
      if (location === undefined) {
        if (status >= 200 && status < 400) return { ok: true, output: body };
        return { ok: false, output: `HTTP probe failed with statuscode: ${status}` };
      }
      const next = new URL(location, url);
      // Somebody else's answer says nothing about this pod: kubelet takes the redirect itself as success.
      if (next.hostname !== first.hostname)
        return { ok: true, output: `Probe terminated redirects, Response body: ${body}` };
      url = next;
    }
    return { ok: false, output: `${shown}: stopped after ${MAX_REDIRECTS} redirects` };
  } catch (e) {
    return { ok: false, output: `${shown}: ${describe(e, first, signal)}` };
  }
}

function describe(e: unknown, url: URL, signal: AbortSignal): string {
  if (signal.aborted) return 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';
  const { code, message } = e as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED') return `dial tcp ${url.host}: connect: connection refused`;
  if (code === 'EHOSTUNREACH') return `dial tcp ${url.host}: connect: no route to host`;
  if (code === 'ECONNRESET') return 'EOF';
  return message;
}

interface Answer {
  status: number;
  location: string | undefined;
  body: string;
}

function get(url: URL, headers: Record<string, string | string[]>, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { headers, signal, agent: false as const, method: 'GET' };
    const onResponse = (res: IncomingMessage) => {
      const status = res.statusCode ?? 0;
      const location = status >= 300 && status < 400 && status !== 304 ? res.headers.location : undefined;
      const chunks: Buffer[] = [];
      let length = 0;
      const finish = () => {
        res.destroy();
        resolve({ status, location, body: Buffer.concat(chunks).toString().slice(0, MAX_BODY) });
      };
      res.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length >= MAX_BODY) finish();
      });
      res.on('end', finish);
      res.on('error', reject);
    };
    const request =
      url.protocol === 'https:'
        ? https.request(url, { ...options, rejectUnauthorized: false }, onResponse)
        : http.request(url, options, onResponse);
    request.on('error', reject);
    request.end();
  });
}
