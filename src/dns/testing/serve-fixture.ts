// A process that serves fixture F on 127.0.0.1 port 53 with an upstream of its own, for clients in a namespace.
import { systemClock } from '../../clock/index.ts';
import { defaultForward } from '../config/config.ts';
import { FIXTURE_F } from './fixture-f.ts';
import { clusterIp, namespace, slice } from './objects.ts';
import { startTestServer } from './test-server.ts';
import { startUpstream } from './upstream.ts';

const upstream = await startUpstream((question) =>
  question.startsWith('www.example.org. ')
    ? { answers: question.endsWith(' A') ? ['www.example.org. 60 A 192.0.2.80'] : [] }
    : { rcode: 3 },
);
const many = Array.from({ length: 200 }, (_, i) => `10.7.0.${i}`);
await startTestServer(
  [...FIXTURE_F, namespace('big'), clusterIp('big/many', 'None', 'http:80'), slice('big/many', ['http:80'], ...many)],
  {
    block: { forward: [defaultForward({ to: [upstream.target] })], loop: false },
    options: {
      listen: { addresses: ['127.0.0.1'], port: 53, batch: process.argv.includes('--batch') },
      clock: systemClock,
    },
  },
);
process.stdout.write('ready\n');
