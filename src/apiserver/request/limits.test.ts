// Rates and times: who asks too much, or waits too long, hears so in Kubernetes' words.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../clock/index.ts';
import { timeLimitOf, withTimeLimit } from './time-limit.ts';
import { UserRate } from './user-rate.ts';

const user = (name: string, ...groups: string[]) => ({ name, groups });

void describe('the rate of a user', () => {
  void it('allows a burst, then as many as flow in, and says when to come again', () => {
    const clock = new ManualClock();
    const rate = new UserRate({ perSecond: 2, burst: 3 }, clock);
    const ask = (name = 'jane') => rate.refuse(user(name))?.status;
    for (let i = 0; i < 3; i++) assert.equal(ask(), undefined);
    const refused = ask();
    assert.equal(refused?.code, 429);
    assert.equal(refused.reason, 'TooManyRequests');
    assert.equal(refused.details?.retryAfterSeconds, 1);
    assert.equal(ask('joe'), undefined, 'another user is not concerned');
    clock.advance(1000);
    assert.deepEqual([ask(), ask(), ask()?.code], [undefined, undefined, 429]);
    clock.advance(3_600_000);
    assert.deepEqual(
      [ask(), ask(), ask(), ask()?.code],
      [undefined, undefined, undefined, 429],
      'the burst is a bound',
    );
    assert.equal(rate.refused, 3);
  });

  void it('waits longer where less than one a second flows in', () => {
    const rate = new UserRate({ perSecond: 0.25, burst: 1 }, new ManualClock());
    rate.refuse(user('jane'));
    assert.equal(rate.refuse(user('jane'))?.status.details?.retryAfterSeconds, 4);
  });

  void it('is no matter for administrators', () => {
    const rate = new UserRate({ perSecond: 1, burst: 1 }, new ManualClock());
    for (let i = 0; i < 5; i++) assert.equal(rate.refuse(user('root', 'system:masters')), undefined);
  });

  void it('remembers a bounded number of users', () => {
    const clock = new ManualClock();
    const rate = new UserRate({ perSecond: 1, burst: 1 }, clock);
    for (let i = 0; i < 25_000; i++) rate.refuse(user(`u${i}`));
    assert.notEqual(rate.refuse(user('u24999')), undefined, 'the newest are known');
    assert.equal(rate.refuse(user('u0')), undefined, 'the oldest were forgotten');
  });
});

void describe('the time of a request', () => {
  void it("is the server's, or less when the client says so", () => {
    const limit = (text: string) => timeLimitOf(new URLSearchParams(text), 60_000);
    assert.equal(limit(''), 60_000);
    assert.equal(limit('timeout=5s'), 5000);
    assert.equal(limit('timeout=10m'), 60_000);
    assert.equal(limit('timeout=0'), 60_000);
    assert.throws(() => limit('timeout=soon'), /invalid timeout specified in the request URL/);
  });

  void it('ends with 504, and the work with it unseen', async () => {
    const clock = new ManualClock();
    let fail: (error: Error) => void = () => undefined;
    const work = new Promise<string>((_, reject) => (fail = reject));
    const answer = assert.rejects(
      withTimeLimit(clock, 1000, work),
      (error: { status: { code: number; message: string } }) => {
        assert.equal(error.status.code, 504);
        assert.equal(error.status.message, 'Timeout: request did not complete within the allotted timeout');
        return true;
      },
    );
    clock.advance(1000);
    await answer;
    fail(new Error('late'));
    assert.equal(await withTimeLimit(clock, 1000, Promise.resolve('done')), 'done');
  });
});
