import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isTimeZone, nextCronTime, parseCronSchedule, type CronSchedule } from './cron-schedule.ts';

function schedule(text: string): CronSchedule {
  const parsed = parseCronSchedule(text);
  if ('problem' in parsed) throw new Error(parsed.problem);
  return parsed;
}

/** The next `count` times, as ISO texts without seconds. */
function times(text: string, after: string, count: number, zone?: string): string[] {
  const found: string[] = [];
  let at: number | undefined = Date.parse(after);
  while (found.length < count && (at = nextCronTime(schedule(text), at, zone)) !== undefined) {
    found.push(new Date(at).toISOString().slice(0, 16));
  }
  return found;
}

void describe('a schedule', () => {
  void it('names the times that follow', () => {
    const from = '2026-01-01T00:00:30Z';
    assert.deepEqual(times('*/20 * * * *', from, 3), ['2026-01-01T00:20', '2026-01-01T00:40', '2026-01-01T01:00']);
    assert.deepEqual(times('30 8-9,17 * * mon-fri', from, 4), [
      '2026-01-01T08:30',
      '2026-01-01T09:30',
      '2026-01-01T17:30',
      '2026-01-02T08:30',
    ]);
    assert.deepEqual(times('0 0 29 FEB *', from, 1), ['2028-02-29T00:00']);
    assert.deepEqual(times('@weekly', from, 2), ['2026-01-04T00:00', '2026-01-11T00:00']);
    assert.deepEqual(times('5/25 0 * * ?', from, 4), [
      '2026-01-01T00:05',
      '2026-01-01T00:30',
      '2026-01-01T00:55',
      '2026-01-02T00:05',
    ]);
    assert.deepEqual(times('@every 90m', from, 2), ['2026-01-01T01:30', '2026-01-01T03:00']);
    assert.deepEqual(times('0 0 30 2 *', from, 1), [], 'never');
  });

  void it('takes a day that fits either day field, when both restrict', () => {
    assert.deepEqual(times('0 0 13 * fri', '2026-01-01T00:00Z', 4), [
      '2026-01-02T00:00',
      '2026-01-09T00:00',
      '2026-01-13T00:00',
      '2026-01-16T00:00',
    ]);
    assert.deepEqual(times('0 0 13 * *', '2026-01-01T00:00Z', 1), ['2026-01-13T00:00']);
  });

  void it('follows the clock of its time zone, also when that is changed', () => {
    assert.deepEqual(times('0 9 * * *', '2026-03-28T00:00Z', 2, 'Europe/Berlin'), [
      '2026-03-28T08:00',
      '2026-03-29T07:00',
    ]);
    // 2026-03-29 has no 02:30 in Berlin, 2026-10-25 has two.
    assert.deepEqual(times('30 2 * * *', '2026-03-28T12:00Z', 1, 'Europe/Berlin'), ['2026-03-30T00:30']);
    assert.deepEqual(times('0 0 29 3 *', '2026-01-01T00:00Z', 1, 'Europe/Berlin'), ['2026-03-28T23:00']);
    assert.deepEqual(times('0 0 30 3 *', '2026-01-01T00:00Z', 1, 'Europe/Berlin'), ['2026-03-29T22:00']);
    assert.ok(isTimeZone('Asia/Kathmandu'));
    assert.ok(!isTimeZone('Mars/Olympus'));
  });

  void it('is refused with the words of the parser that Kubernetes uses', () => {
    const problems = {
      '* * *': 'expected exactly 5 fields, found 3: [* * *]',
      '60 * * * *': 'end of range (60) above maximum (59): 60',
      '* * 0 * *': 'beginning of range (0) below minimum (1): 0',
      '* * * * 7': 'end of range (7) above maximum (6): 7',
      '5-1 * * * *': 'beginning of range (5) beyond end of range (1): 5-1',
      '*/0 * * * *': 'step of range should be a positive number: */0',
      'a * * * *': 'failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax',
      '@reboot': 'unrecognized descriptor: @reboot',
      '': 'empty spec string',
    };
    for (const [text, problem] of Object.entries(problems))
      assert.deepEqual(parseCronSchedule(text), { problem }, text);
  });

  void it('agrees with a walk over every minute', () => {
    const part = (first: number, last: number) =>
      fc.oneof(
        fc.constant('*'),
        fc.integer({ min: first, max: last }).map(String),
        fc
          .tuple(fc.integer({ min: first, max: last }), fc.integer({ min: first, max: last }))
          .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
        fc.integer({ min: 2, max: 20 }).map((n) => `*/${n}`),
      );
    const texts = fc.tuple(part(0, 59), part(0, 23), part(1, 28), fc.constant('*'), part(0, 6)).map((p) => p.join(' '));
    fc.assert(
      fc.property(texts, fc.integer({ min: 0, max: 40_000 }), (text, minutes) => {
        const s = schedule(text);
        const after = Date.parse('2026-01-01T00:00Z') + minutes * 60_000;
        let at = after + 60_000;
        for (; at < after + 40 * 86_400_000; at += 60_000) {
          const d = new Date(at);
          const byDay = s.days.has(d.getUTCDate());
          const byWeekday = s.weekdays.has(d.getUTCDay());
          const day = s.eitherDay ? byDay || byWeekday : byDay && byWeekday;
          if (day && s.hours.has(d.getUTCHours()) && s.minutes.has(d.getUTCMinutes())) {
            assert.equal(nextCronTime(s, after), at);
            return;
          }
        }
      }),
      { numRuns: 100 },
    );
  });
});
