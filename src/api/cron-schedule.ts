// Times of a CronJob's schedule: the five fields of cron(5), names, and the @words. Pure.
import { parseDuration } from './go-duration.ts';

export interface CronSchedule {
  /** Set for `@every`: a fixed time between runs, in milliseconds. */
  readonly everyMs?: number;
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly weekdays: ReadonlySet<number>;
  /** Both day fields restrict: a day that fits one of them will do. */
  readonly eitherDay: boolean;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

interface FieldRange {
  readonly first: number;
  readonly last: number;
  /** Words for `first` and what follows. */
  readonly names?: readonly string[];
}

const FIELDS: readonly FieldRange[] = [
  { first: 0, last: 59 },
  { first: 0, last: 23 },
  { first: 1, last: 31 },
  { first: 1, last: 12, names: MONTHS },
  { first: 0, last: 6, names: WEEKDAYS },
];

const WORDS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/** The schedule, or why the text is none. */
export function parseCronSchedule(text: string): CronSchedule | { readonly problem: string } {
  const trimmed = text.trim();
  if (trimmed === '') return { problem: 'empty spec string' };
  if (trimmed.startsWith('@every ')) {
    const everyMs = parseDuration(trimmed.slice('@every '.length).trim());
    if (everyMs === undefined) return { problem: `failed to parse duration ${trimmed}` };
    return { ...fieldsOf('* * * * *'), everyMs: Math.max(1000, Math.floor(everyMs / 1000) * 1000) };
  }
  const known = WORDS[trimmed];
  if (trimmed.startsWith('@') && known === undefined) return { problem: `unrecognized descriptor: ${trimmed}` };
  try {
    return fieldsOf(known ?? trimmed);
  } catch (e) {
    return { problem: e instanceof Error ? e.message : String(e) };
  }
}

function fieldsOf(text: string): CronSchedule {
  const parts = text.split(/\s+/);
  if (parts.length !== 5) throw new Error(`expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`);
  const [minutes, hours, days, months, weekdays] = FIELDS.map((field, i) => valuesOf(parts[i] ?? '', field));
  const open = (part: string | undefined): boolean => /^[*?]/.test(part ?? '');
  const none = new Set<number>();
  return {
    minutes: minutes ?? none,
    hours: hours ?? none,
    days: days ?? none,
    months: months ?? none,
    weekdays: weekdays ?? none,
    eitherDay: !open(parts[2]) && !open(parts[4]),
  };
}

/** `1,3-5,10-20/2`, `*`, a step of it, `mon-fri`. */
function valuesOf(text: string, field: FieldRange): Set<number> {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const [range = '', stepText, ...more] = part.split('/');
    if (more.length > 0) throw new Error(`too many slashes: ${part}`);
    const [from = '', to, ...rest] = range.split('-');
    if (rest.length > 0) throw new Error(`too many hyphens: ${part}`);
    const all = range === '*' || range === '?';
    const start = all ? field.first : numberOf(from, field);
    // `5/10` begins at 5 and goes to the end.
    const end = all || (to === undefined && stepText !== undefined) ? field.last : numberOf(to ?? from, field);
    const step = stepText === undefined ? 1 : numberOf(stepText, { first: 0, last: 0 });
    if (start < field.first) throw new Error(`beginning of range (${start}) below minimum (${field.first}): ${part}`);
    if (end > field.last) throw new Error(`end of range (${end}) above maximum (${field.last}): ${part}`);
    if (start > end) throw new Error(`beginning of range (${start}) beyond end of range (${end}): ${part}`);
    if (step === 0) throw new Error(`step of range should be a positive number: ${part}`);
    for (let value = start; value <= end; value += step) values.add(value);
  }
  return values;
}

function numberOf(text: string, field: FieldRange): number {
  const named = field.names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + field.first;
  if (!/^\d{1,9}$/.test(text))
    throw new Error(`failed to parse int from ${text}: strconv.Atoi: parsing "${text}": invalid syntax`);
  return Number(text);
}

/** Does this runtime know a time zone of that name? */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

interface LocalTime {
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly weekday: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function localTime(ms: number, timeZone: string): LocalTime {
  if (timeZone === 'UTC') {
    const d = new Date(ms);
    return {
      month: d.getUTCMonth() + 1,
      day: d.getUTCDate(),
      hour: d.getUTCHours(),
      minute: d.getUTCMinutes(),
      weekday: d.getUTCDay(),
    };
  }
  let format = formats.get(timeZone);
  if (format === undefined) {
    const parts = { month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', weekday: 'short' } as const;
    format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...parts });
    formats.set(timeZone, format);
  }
  const found = Object.fromEntries(format.formatToParts(ms).map((p) => [p.type, p.value]));
  return {
    month: Number(found['month']),
    day: Number(found['day']),
    hour: Number(found['hour']),
    minute: Number(found['minute']),
    weekday: WEEKDAYS.indexOf((found['weekday'] ?? '').toLowerCase()),
  };
}

const MINUTE = 60_000;
/** Beyond this a schedule such as 30 February has no next time. */
const HORIZON_MS = 5 * 366 * 24 * 60 * MINUTE;

/** The first time of the schedule after `afterMs`, in milliseconds since the epoch; undefined when it has none. */
export function nextCronTime(schedule: CronSchedule, afterMs: number, timeZone = 'UTC'): number | undefined {
  if (schedule.everyMs !== undefined) return (Math.floor(afterMs / 1000) + schedule.everyMs / 1000) * 1000;
  let at = (Math.floor(afterMs / MINUTE) + 1) * MINUTE;
  const end = afterMs + HORIZON_MS;
  while (at < end) {
    const local = localTime(at, timeZone);
    if (!dayFits(schedule, local)) {
      // To 22 o'clock at most, then by the hour: however the clock is changed that night, midnight is not jumped over.
      const hours = Math.max(1, 22 - local.hour);
      at += (hours * 60 - local.minute) * MINUTE;
    } else if (!schedule.hours.has(local.hour)) at += (60 - local.minute) * MINUTE;
    else if (!schedule.minutes.has(local.minute)) at += MINUTE;
    else return at;
  }
  return undefined;
}

function dayFits(schedule: CronSchedule, { month, day, weekday }: LocalTime): boolean {
  if (!schedule.months.has(month)) return false;
  const byDay = schedule.days.has(day);
  const byWeekday = schedule.weekdays.has(weekday);
  return schedule.eitherDay ? byDay || byWeekday : byDay && byWeekday;
}
