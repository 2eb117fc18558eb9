// The program behind the image `portico/web`: answers HTTP requests with who it is and whom it sees, echoes TCP and
// UDP on request. It runs once per pod, so it is one file, uses nothing but Node, and is small and quick to start.
// Also stands in for the test image agnhost, whose `netexec` and `serve-hostname` it understands.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Server as TcpServer } from 'node:net';

// Not imported: importing node:http as a module touches all its exports, WebSocket among them, and loading that
// doubles the time to start (124 ms of CPU against 50).
const { createServer, request: httpRequest } = process.getBuiltinModule('node:http');
const { createServer: createTcpServer } = process.getBuiltinModule('node:net');

const USAGE = `usage: web [--port N]… [--tcp-echo N]… [--udp-echo N]… [--start-delay SECONDS] [--ready-delay SECONDS]
           [--response-delay MS] [--drain SECONDS] [--body TEXT]
  --port           HTTP port, may be given several times (default 80, or $PORT)
  --tcp-echo       send back what comes on this TCP port
  --udp-echo       send back what comes on this UDP port
  --start-delay    wait before listening
  --ready-delay    /readyz answers 503 for so long after listening
  --response-delay wait before each answer
  --drain          after SIGTERM go on serving for so long, so that nobody who still has our address is refused (default 1)
  --body           answer this instead of who we are`;

interface Settings {
  http: number[];
  tcpEcho: number[];
  udpEcho: number[];
  /** agnhost's UDP server: `hostname` and `echo TEXT`. */
  udpCommands: number[];
  /** Answer with the host name only, as agnhost's serve-hostname does. */
  hostnameOnly: { http: number[]; tcp: number[]; udp: number[] };
  /** Behaves as agnhost's netexec. */
  isNetexec: boolean;
  startDelayMs: number;
  readyDelayMs: number;
  responseDelayMs: number;
  drainMs: number;
  body: string | undefined;
}

function fail(message: string): never {
  process.stderr.write(`web: ${message}\n${USAGE}\n`);
  process.exit(2);
}

function portOf(flag: string, text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535) fail(`${flag} ${text}: give a port from 1 to 65535`);
  return port;
}

function secondsOf(flag: string, text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0)) fail(`${flag} ${text}: give a number of seconds`);
  return seconds * 1000;
}

/** `--name value` and `--name=value` alike; a name without a value is `true`. */
function flagsOf(args: readonly string[]): { positional: string[]; flags: [name: string, value: string][] } {
  const positional: string[] = [];
  const flags: [string, string][] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (!arg.startsWith('-')) {
      positional.push(arg);
      continue;
    }
    const name = arg.replace(/^--?/, '');
    const equals = name.indexOf('=');
    const next = args[i + 1];
    if (equals >= 0) flags.push([name.slice(0, equals), name.slice(equals + 1)]);
    else if (next !== undefined && !next.startsWith('-')) flags.push([name, args[++i] ?? '']);
    else flags.push([name, 'true']);
  }
  return { positional, flags };
}

function noSettings(): Settings {
  return {
    http: [],
    tcpEcho: [],
    udpEcho: [],
    udpCommands: [],
    hostnameOnly: { http: [], tcp: [], udp: [] },
    isNetexec: false,
    startDelayMs: 0,
    readyDelayMs: 0,
    responseDelayMs: 0,
    drainMs: 1000,
    body: undefined,
  };
}

function parseArgs(args: readonly string[]): Settings {
  const { positional, flags } = flagsOf(args);
  const command = positional[0];
  if (command === 'netexec') return parseNetexec(flags);
  if (command === 'serve-hostname') return parseServeHostname(flags);
  if (command === 'test-webserver') return { ...noSettings(), http: [80] };
  if (command === 'pause') return noSettings();
  if (command !== undefined) {
    fail(`${command}: no such command; of agnhost only netexec, serve-hostname, test-webserver and pause are served`);
  }
  const s = noSettings();
  for (const [name, value] of flags) {
    const flag = `--${name}`;
    if (name === 'port') s.http.push(portOf(flag, value));
    else if (name === 'tcp-echo') s.tcpEcho.push(portOf(flag, value));
    else if (name === 'udp-echo') s.udpEcho.push(portOf(flag, value));
    else if (name === 'start-delay') s.startDelayMs = secondsOf(flag, value);
    else if (name === 'ready-delay') s.readyDelayMs = secondsOf(flag, value);
    else if (name === 'response-delay') s.responseDelayMs = secondsOf(flag, value) / 1000;
    else if (name === 'drain') s.drainMs = secondsOf(flag, value);
    else if (name === 'body') s.body = value;
    else if (name === 'help') {
      process.stdout.write(`${USAGE}\n`);
      process.exit(0);
    } else fail(`${flag}: no such flag`);
  }
  if (s.http.length === 0) s.http.push(portOf('$PORT', process.env['PORT'] ?? '80'));
  return s;
}

function parseNetexec(flags: readonly (readonly [string, string])[]): Settings {
  const s = { ...noSettings(), isNetexec: true };
  let http = 8080;
  let udp = 8081;
  for (const [name, value] of flags) {
    if (name === 'http-port') http = portOf(name, value);
    else if (name === 'udp-port') udp = Number(value) === -1 ? -1 : portOf(name, value);
    else if (name === 'delay-shutdown') s.drainMs = secondsOf(name, value);
  }
  return { ...s, http: [http], udpCommands: udp < 0 ? [] : [udp] };
}

function parseServeHostname(flags: readonly (readonly [string, string])[]): Settings {
  const o = { http: true, tcp: false, udp: false, port: 9376 };
  for (const [name, value] of flags) {
    if (name === 'http' || name === 'tcp' || name === 'udp') o[name] = value !== 'false';
    else if (name === 'port') o.port = portOf(name, value);
  }
  const on = (use: boolean) => (use ? [o.port] : []);
  return { ...noSettings(), hostnameOnly: { http: on(o.http && !o.tcp), tcp: on(o.tcp), udp: on(o.udp) } };
}

const settings = parseArgs(process.argv.slice(2));
const podName = process.env['POD_NAME'] ?? process.env['HOSTNAME'] ?? '';
const startedAt = Date.now();
let listeningAt = Infinity;
let terminating = false;

/** `::ffff:10.1.2.3` is how a dual-stack socket shows an IPv4 peer. */
const plainIp = (ip: string | undefined) => (ip ?? '').replace(/^::ffff:/, '');
const joined = (ip: string, port: number | undefined) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);

function whoAmI(req: IncomingMessage) {
  const { localAddress, localPort, remoteAddress, remotePort } = req.socket;
  return {
    pod: podName,
    ...(process.env['POD_NAMESPACE'] === undefined ? {} : { namespace: process.env['POD_NAMESPACE'] }),
    ...(process.env['NODE_NAME'] === undefined ? {} : { node: process.env['NODE_NAME'] }),
    address: joined(plainIp(localAddress), localPort),
    client: joined(plainIp(remoteAddress), remotePort),
    host: req.headers.host ?? '',
    method: req.method ?? '',
    path: req.url ?? '',
    protocol: `HTTP/${req.httpVersion}`,
    uptimeSeconds: Math.round((Date.now() - startedAt) / 1000),
  };
}

function send(res: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  if (terminating) res.setHeader('connection', 'close');
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  res.end(body);
}

function answer(req: IncomingMessage, res: ServerResponse): void {
  const url = new URL(req.url ?? '/', 'http://pod');
  // What a client sends is read and dropped, so that its connection can be used again.
  req.resume();
  const client = joined(plainIp(req.socket.remoteAddress), req.socket.remotePort);
  switch (url.pathname.toLowerCase()) {
    case '/healthz':
    case '/livez':
      return send(res, 200, 'ok\n');
    case '/readyz':
      if (Date.now() - listeningAt < settings.readyDelayMs) return send(res, 503, 'not ready yet\n');
      return send(res, 200, 'ok\n');
    case '/hostname':
      return send(res, 200, podName);
    case '/clientip':
      return send(res, 200, client);
    case '/echo':
      return send(res, 200, url.searchParams.get('msg') ?? '');
    case '/header':
      return send(res, 200, String(req.headers[(url.searchParams.get('key') ?? '').toLowerCase()] ?? ''));
    case '/dial':
      return dial(url, res);
    case '/shell':
      return shell(url, res);
    case '/exit':
      if (!settings.isNetexec) return send(res, 404, 'only netexec ends on request\n');
      send(res, 200, '');
      process.exit(Number(url.searchParams.get('code') ?? 0));
      break;
    default:
      return sendSelf(req, res, url);
  }
}

function sendSelf(req: IncomingMessage, res: ServerResponse, url: URL): void {
  if (settings.body !== undefined) return send(res, 200, `${settings.body}\n`);
  const self = whoAmI(req);
  const wantsJson =
    url.searchParams.get('format') === 'json' || (req.headers.accept ?? '').includes('application/json');
  if (wantsJson) return send(res, 200, `${JSON.stringify(self)}\n`, 'application/json');
  send(
    res,
    200,
    Object.entries(self)
      .map(([k, v]) => `${k}: ${v}\n`)
      .join(''),
  );
}

/** agnhost's /shell: runs a command line in the container. Only for netexec, whose users expect it. */
function shell(url: URL, res: ServerResponse): void {
  if (!settings.isNetexec) return send(res, 404, 'only netexec runs commands\n');
  const { execFile } = process.getBuiltinModule('node:child_process');
  const line = url.searchParams.get('cmd') ?? url.searchParams.get('shellCommand') ?? '';
  execFile('/bin/sh', ['-c', line], (error, stdout, stderr) => {
    const output = `${stdout}${stderr}`;
    send(
      res,
      200,
      JSON.stringify({ ...(output === '' ? {} : { output }), ...(error === null ? {} : { error: error.message }) }),
    );
  });
}

/** agnhost's /dial: asks other pods on behalf of the caller. */
function dial(url: URL, res: ServerResponse): void {
  const q = (name: string, otherwise: string) => url.searchParams.get(name) ?? otherwise;
  const [host, port] = [q('host', ''), Number(q('port', '80'))];
  const tries = Number(q('tries', '1'));
  const ask = q('protocol', 'http') === 'udp' ? askUdp : askHttp;
  const responses: string[] = [];
  const errors: string[] = [];
  const askAll = async () => {
    for (let i = 0; i < tries; i++) {
      try {
        responses.push(await ask(host, port, q('request', 'hostname')));
      } catch (e) {
        errors.push(String(e));
      }
    }
    send(res, 200, JSON.stringify({ responses, ...(errors.length > 0 ? { errors } : {}) }));
  };
  void askAll();
}

function askHttp(host: string, port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = httpRequest({ host, port, path: `/${path}`, timeout: 5000 }, (res) => {
      let text = '';
      res.on('data', (chunk: Buffer) => (text += chunk.toString()));
      res.on('end', () => resolve(text.trim()));
    });
    req.on('timeout', () => req.destroy(new Error('timeout')));
    req.on('error', reject);
    req.end();
  });
}

function askUdp(host: string, port: number, text: string): Promise<string> {
  const { createSocket } = process.getBuiltinModule('node:dgram');
  return new Promise((resolve, reject) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const timer = setTimeout(() => (socket.close(), reject(new Error('timeout'))), 3000);
    socket.on('message', (reply) => {
      clearTimeout(timer);
      socket.close();
      resolve(reply.toString().trim());
    });
    socket.on('error', (e) => (clearTimeout(timer), socket.close(), reject(e)));
    socket.send(text, port, host);
  });
}

const servers: (Server | TcpServer)[] = [];

function onListenError(port: number, kind: string) {
  return (e: NodeJS.ErrnoException) => {
    process.stderr.write(`web: cannot listen on ${kind} port ${port}: ${e.message}\n`);
    process.exit(1);
  };
}

function listenHttp(port: number, handle: (req: IncomingMessage, res: ServerResponse) => void): void {
  const server = createServer((req, res) => {
    if (settings.responseDelayMs > 0) setTimeout(handle, settings.responseDelayMs, req, res);
    else handle(req, res);
  });
  server.on('error', onListenError(port, 'TCP'));
  listen(server, port);
}

function listenTcp(port: number, greet: string | undefined): void {
  const server = createTcpServer((socket) => {
    socket.on('error', () => socket.destroy());
    if (greet !== undefined) socket.end(greet);
    else socket.pipe(socket);
  });
  server.on('error', onListenError(port, 'TCP'));
  listen(server, port);
}

function listen(server: Server | TcpServer, port: number): void {
  servers.push(server);
  server.listen(port, '::', () => {
    listeningAt = Math.min(listeningAt, Date.now());
    process.stdout.write(`listening on port ${(server.address() as AddressInfo).port}\n`);
  });
}

function listenUdp(port: number, reply: (message: Buffer) => Buffer | string): void {
  const { createSocket } = process.getBuiltinModule('node:dgram');
  const socket = createSocket('udp6');
  socket.on('message', (message, peer) => socket.send(reply(message), peer.port, peer.address));
  socket.on('error', onListenError(port, 'UDP'));
  socket.bind(port, '::');
}

function udpCommand(message: Buffer): string {
  const text = message.toString().trim();
  if (text.toLowerCase().startsWith('echo ')) return text.slice(5);
  if (text.toLowerCase() === 'hostname') return podName;
  return text === '' ? '' : `unknown command: ${text}\n`;
}

function start(): void {
  for (const port of settings.http) listenHttp(port, answer);
  for (const port of settings.hostnameOnly.http)
    listenHttp(port, (req, res) => (req.resume(), send(res, 200, podName)));
  for (const port of settings.hostnameOnly.tcp) listenTcp(port, podName);
  for (const port of settings.tcpEcho) listenTcp(port, undefined);
  for (const port of settings.udpEcho) listenUdp(port, (message) => message);
  for (const port of settings.udpCommands) listenUdp(port, udpCommand);
  for (const port of settings.hostnameOnly.udp) listenUdp(port, () => podName);
}

function terminate(): void {
  if (terminating) return;
  terminating = true;
  setTimeout(() => {
    for (const server of servers) {
      server.close();
      if ('closeIdleConnections' in server) server.closeIdleConnections();
    }
    // Requests that are being answered get one more second.
    setTimeout(() => process.exit(0), 1000).unref();
    if (servers.every((s) => !s.listening)) setImmediate(waitForConnections);
  }, settings.drainMs);
}

function waitForConnections(): void {
  let open = servers.length;
  if (open === 0) process.exit(0);
  for (const server of servers) {
    server.getConnections((_, count) => {
      if (count === 0 && --open === 0) process.exit(0);
    });
  }
  setTimeout(waitForConnections, 50);
}

process.on('SIGTERM', terminate);
process.on('SIGINT', terminate);
// A program without sockets (pause) must not end by itself.
setInterval(() => undefined, 2 ** 30);
if (settings.startDelayMs > 0) setTimeout(start, settings.startDelayMs);
else start();
