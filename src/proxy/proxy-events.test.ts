// What administrators are told, where they look for it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events } from '../api/objects.ts';
import { createFakeClient } from '../client/index.ts';
import { createProxyEvents } from './proxy-events.ts';

test('events name the node or the service that they are about', async () => {
  const client = createFakeClient();
  const told = createProxyEvents(client, 'node-1');
  told.starting('nftables');
  told.rulesRefused('IPv6');
  told.healthCheckFailed('ns/web', 32_100, new Error('bind: EADDRINUSE'));
  const end = Date.now() + 5000;
  while (client.objects(events).length < 3 && Date.now() < end) await new Promise((r) => setTimeout(r, 5));
  const seen = client.objects(events).map((e) => {
    const { kind, namespace, name } = e.involvedObject;
    return [e.type, e.reason, [kind, namespace, name].filter(Boolean).join(' '), e.message];
  });
  assert.deepEqual(
    seen.toSorted((a, b) => String(a[1]).localeCompare(String(b[1]))),
    [
      [
        'Warning',
        'FailedToProgramServices',
        'Node node-1',
        'the kernel refused the IPv6 rules; the old ones stay and it is tried again',
      ],
      [
        'Warning',
        'FailedToStartServiceHealthcheck',
        'Service ns web',
        'node node-1 failed to start healthcheck on port 32100: bind: EADDRINUSE',
      ],
      ['Normal', 'Starting', 'Node node-1', 'the service proxy starts in mode nftables'],
    ],
  );
  told.stop();
  client.close();
});
