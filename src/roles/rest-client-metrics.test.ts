import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';

import { services } from '../api/objects.ts';
import { createClient } from '../client/index.ts';
import { http } from '../http/index.ts';
import { Registry } from '../metrics/index.ts';
import { restClientMetrics } from './rest-client-metrics.ts';

test('answers are counted by code, method and host, requests without an answer as <error>', async () => {
  const server = http.createServer((_, response) => {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ kind: 'Status', code: 404, reason: 'NotFound', message: 'none' }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const registry = new Registry();
  const onAnswer = restClientMetrics(registry, 'rest_client');
  const client = createClient({ server: `http://127.0.0.1:${port}` }, { onAnswer });
  const get = () => client.resource(services).get('x', 'default');
  await assert.rejects(get(), /none/);
  client.close();
  server.close();
  await once(server, 'close');

  const refused = createClient({ server: `http://127.0.0.1:${port}` }, { onAnswer });
  await assert.rejects(refused.resource(services).get('x', 'default'), /ECONNREFUSED/);
  refused.close();

  const page = registry.render();
  const host = `127.0.0.1:${port}`;
  assert.match(page, new RegExp(`^rest_client_requests_total{code="404",host="${host}",method="GET"} 1$`, 'm'));
  assert.match(page, new RegExp(`^rest_client_requests_total{code="<error>",host="${host}",method="GET"} 1$`, 'm'));
  assert.match(page, new RegExp(`^rest_client_request_duration_seconds_count{host="${host}",verb="GET"} 2$`, 'm'));
});
