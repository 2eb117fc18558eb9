import assert from 'node:assert/strict';
import { closeSync } from 'node:fs';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';

import { UserError } from '../errors/index.ts';
import { openApiListener } from './api-port.ts';

async function listening(): Promise<{ port: number } & AsyncDisposable> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  return { port, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

test('a port that was asked for and is in use is refused; asked for and free, it is taken', async () => {
  const taken = await listening();
  assert.throws(
    () => openApiListener({ apiPort: taken.port }),
    (e) => e instanceof UserError && e.message.startsWith(`--api-port ${taken.port}: the port is in use`),
  );
  await taken[Symbol.asyncDispose]();
  const api = openApiListener({ apiPort: taken.port });
  closeSync(api.fd);
  assert.equal(api.port, taken.port);
});

test('without a wish the earlier port is kept while it is free, and the next free one taken else', async () => {
  await using taken = await listening();
  const next = openApiListener({}, taken.port);
  const afterNext = openApiListener({});
  closeSync(next.fd);
  closeSync(afterNext.fd);
  assert.ok(next.port >= 6443 && afterNext.port > next.port, `${next.port}, then ${afterNext.port}`);

  const free = await listening();
  await free[Symbol.asyncDispose]();
  const kept = openApiListener({}, free.port);
  closeSync(kept.fd);
  assert.equal(kept.port, free.port);
});
