// Cluster DNS on 10,000 Services of a live API server that falls silent, is killed, and forgets its history. The answers
// never stop, and end with what is stored.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { services } from '../../src/api/objects.ts';
import { createClient, type Client } from '../../src/client/index.ts';
import { systemClock, type Clock } from '../../src/clock/index.ts';
import { defaultBlock, defaultDnsConfig, queryDns, startDns, type DnsServer } from '../../src/dns/index.ts';
import { formatRdata, rcodeName } from '../../src/dnswire/index.ts';
import { createLogger } from '../../src/log/index.ts';
import { startLiveServer, type LiveServer } from './live-server.ts';

const SERVICES = 10_000;
const WRITERS = 32;
/** Of one second the server takes a minute, so that it need not be waited for when it waits. */
const SPEED = 60;
const FAST: Clock = {
  ...systemClock,
  monotonic: () => systemClock.monotonic() * SPEED,
  after: (ms, run) => systemClock.after(ms / SPEED, run),
};

/** Between DNS and the API server: can go silent like a firewall that forgot the connection, or be cut. */
class Line {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #cut = false;

  constructor(target: number) {
    this.#server = createServer((near) => {
      const far = connect(target, '127.0.0.1');
      const pair = [near, far] as const;
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on('error', () => to.destroy()).on('close', () => to.destroy());
        from.pipe(to);
      }
      this.#pairs.add(pair);
      near.once('close', () => this.#pairs.delete(pair));
      if (this.#cut) near.destroy();
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** The connections of now stay open and carry nothing more; new ones work. */
  silence(): void {
    for (const [near, far] of this.#pairs) {
      near.unpipe();
      far.unpipe();
      far.resume();
    }
  }

  cut(cut: boolean): void {
    this.#cut = cut;
    if (cut) for (const [near] of this.#pairs) near.destroy();
  }

  close(): void {
    this.cut(true);
    this.#server.close();
  }
}

let api: LiveServer;
let client: Client;
let line: Line;
let dnsClient: Client;
let dns: DnsServer;
const log: string[] = [];

const create = (name: string) =>
  client.resource(services).create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { ports: [{ name: 'http', port: 80 }] },
  });

async function inParallel(count: number, work: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: WRITERS }, worker));
}

/** `10.96.0.7`, or the reply code when there is no record. */
async function ask(name: string): Promise<string> {
  const { message } = await queryDns({
    server: '127.0.0.1',
    port: dns.port,
    name: `${name}.default.svc.cluster.local`,
  });
  const [record] = message.answers;
  return record === undefined ? rcodeName(message.rcode) : formatRdata(record.type, record.rdata);
}

async function eventually(what: string, check: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000;
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`${what}: not within 30 s`);
    await sleep(20);
  }
}

before(async () => {
  // A window of half a second: whoever is away for a moment meets a compacted history.
  api = await startLiveServer({ history: { windowMs: 500, minChanges: 100 } });
  client = api.client();
  await inParallel(SERVICES, (i) => create(`s${i}`));
  line = new Line(api.port);
  dnsClient = createClient({ ...api.config(), server: `https://127.0.0.1:${await line.listen()}` });
  const { health: _health, ready: _ready, metrics: _metrics, ...config } = defaultDnsConfig();
  dns = await startDns({
    client: dnsClient,
    config: { ...config, reloadMs: 0, blocks: [defaultBlock({ forward: [], loop: false })] },
    clock: FAST,
    log: createLogger({ level: 'debug', write: (text) => log.push(text) }),
    listen: { addresses: ['127.0.0.1'], port: 0 },
  });
  await dns.synced;
});
after(async () => {
  await dns.stop({ lameduckMs: 0 });
  dnsClient.close();
  line.close();
  client.close();
  await api[Symbol.asyncDispose]();
});

/** Asks one name after the other until told to stop; the answers that were not the service's address. */
async function askedMeanwhile(work: () => Promise<void>): Promise<string[]> {
  const wrong: string[] = [];
  let done = false;
  let asked = 0;
  const asking = (async () => {
    while (!done) {
      // The last ones are deleted by the tests.
      const name = `s${(asked++ * 7919) % (SERVICES - 1000)}`;
      const answer = await ask(name);
      if (!answer.startsWith('10.96.')) wrong.push(`${name}: ${answer}`);
      if (asked % 100 === 0) await sleep(5);
    }
  })();
  try {
    await work();
  } finally {
    done = true;
    await asking;
  }
  assert.ok(asked > 10, `${asked} questions`);
  return wrong;
}

test('a watch that falls silent is noticed and opened again', async () => {
  await create('before');
  await eventually('the watch to be open', async () => (await ask('before')).startsWith('10.96.'));
  line.silence();
  const { spec } = await create('while-silent');
  const wrong = await askedMeanwhile(() =>
    eventually('the change behind the silence', async () => (await ask('while-silent')) === spec?.clusterIP),
  );
  assert.deepEqual(wrong, []);
  assert.ok(log.some((l) => /the watch was silent/.test(l)));
});

test('the API server is killed: the answers stay, and follow it when it is back', async () => {
  await api.kill();
  const wrong = await askedMeanwhile(async () => {
    // Five seconds of the server's clock are five minutes.
    await sleep(5000);
    assert.match(dns.notReady() ?? '', /^kubernetes: nothing heard about \w+ for \d{3} s$/);
    assert.equal(await ask('nobody'), 'NXDOMAIN');
    await api.start();
    const { spec } = await create('after-kill');
    await eventually('a change after the kill', async () => (await ask('after-kill')) === spec?.clusterIP);
  });
  assert.deepEqual(wrong, []);
  await eventually('ready again', () => Promise.resolve(dns.notReady() === undefined));
});

test('a relist of 10,000 services changes only what has changed', async () => {
  line.cut(true);
  log.length = 0;
  const gone = Array.from({ length: 300 }, (_, i) => `s${SERVICES - 1 - i}`);
  await inParallel(gone.length, (i) => client.resource(services).delete(gone[i] ?? '', { namespace: 'default' }));
  const { spec } = await create('while-cut');
  // The history of these changes is forgotten.
  await sleep(1500);
  await create('later');
  const wrong = await askedMeanwhile(async () => {
    line.cut(false);
    await eventually('the relist', async () => (await ask('while-cut')) === spec?.clusterIP);
    for (const name of gone) assert.equal(await ask(name), 'NXDOMAIN', name);
  });
  assert.deepEqual(wrong, []);
  assert.ok(
    log.some((l) => /listing again/.test(l)),
    log.slice(-20).join(''),
  );
});
