import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatExplanation } from './format-explanation.ts';

const asked = (rcode: string, records: string[], agrees: boolean | undefined, reason = '') => ({
  rcode,
  records,
  agrees,
  reason,
  durationMs: 0.84,
  transport: 'udp' as const,
});

test('formatExplanation() shows each name with its reason', () => {
  const miss = { name: 'web.x.svc.c.', rcode: 'NXDOMAIN', records: [], reason: 'no service web in x', objects: [] };
  const hit = {
    name: 'web.svc.c.',
    rcode: 'NOERROR',
    records: ['web.svc.c. 30 IN A 10.0.0.1'],
    reason: 'service web of type ClusterIP',
    objects: ['Service x/web (resourceVersion 7)'],
  };
  const answer = { ...hit, asked: asked('NOERROR', ['web.svc.c. 30 IN A 10.0.0.2'], false) };
  const text = formatExplanation({
    name: 'web',
    type: 'A',
    askedBy: 'pod x/shell',
    server: { address: '10.96.0.10' },
    search: ['x.svc.c.', 'svc.c.'],
    ndots: 5,
    steps: [{ ...miss, asked: asked('NXDOMAIN', [], true, 'no service web in x') }, answer],
    answer,
  });
  assert.equal(
    text,
    `web A: 1 record at web.svc.c.
Asked by pod x/shell, server 10.96.0.10.
Search path (ndots 5): x.svc.c. svc.c.

1. web.x.svc.c.  NXDOMAIN
   why: no service web in x
   server: the same (UDP, 0.8 ms)

2. web.svc.c.  NOERROR
     web.svc.c. 30 IN A 10.0.0.2
   why: service web of type ClusterIP
     Service x/web (resourceVersion 7)
   the server does not agree with the API (UDP, 0.8 ms): expected NOERROR
     web.svc.c. 30 IN A 10.0.0.1
`,
  );
});

test('formatExplanation() says when no server was asked, or it was silent', () => {
  const step = { name: 'a.', rcode: undefined, records: [], reason: 'forwarded', objects: [] };
  const base = { name: 'a', type: 'A', askedBy: 'this machine', search: [], ndots: 1, answer: undefined };
  assert.match(formatExplanation({ ...base, steps: [step] }), /^a A: no records\.\nNo server asked: .*--server/);
  const silent = formatExplanation({
    ...base,
    server: { address: '1.1.1.1', port: 53 },
    steps: [{ ...step, askFailed: 'no reply from 1.1.1.1 port 53 in 2000 ms' }],
  });
  assert.match(silent, /1\. a\. {2}forwarded\n.*\n {3}server: no reply from .* follows from the API alone/);
});
