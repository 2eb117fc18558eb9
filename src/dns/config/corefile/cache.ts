// The Corefile's `cache`.
import { ROOT } from '../../../dnswire/index.ts';
import { CACHE_DEFAULTS } from '../../plugins/cache.ts';
import type { CacheConfig, PrefetchConfig } from '../../plugins/cache.ts';
import { durationMs, integerOf } from '../values.ts';
import { at, mistake, unknownOption, zonesOfWords } from './directive.ts';
import type { Mutable } from './directive.ts';
import type { Directive } from './syntax.ts';

/** `cache [SECONDS] [ZONE…] { … }` */
export function cache(d: Directive): CacheConfig {
  const [first, ...more] = d.args;
  const hasTtl = first !== undefined && /^\d+$/.test(first);
  const ttl = hasTtl ? Number(first) : 3600;
  const out: Mutable<CacheConfig> = {
    ...CACHE_DEFAULTS,
    zones: zonesOfWords(hasTtl ? more : d.args, d),
    maxTtlSeconds: ttl,
    maxNegativeTtlSeconds: Math.min(ttl, 1800),
  };
  for (const o of d.block) {
    switch (o.name) {
      case 'success':
        out.capacity = integerOf(o.args[0], at(o), 1, 10_000_000);
        if (o.args[1] !== undefined) out.maxTtlSeconds = integerOf(o.args[1], at(o), 0, 86_400);
        if (o.args[2] !== undefined) out.minTtlSeconds = integerOf(o.args[2], at(o), 0, 86_400);
        break;
      case 'denial':
        out.negativeCapacity = integerOf(o.args[0], at(o), 1, 10_000_000);
        if (o.args[1] !== undefined) out.maxNegativeTtlSeconds = integerOf(o.args[1], at(o), 0, 86_400);
        break;
      case 'serve_stale':
        out.serveStaleSeconds = o.args[0] === undefined ? 3600 : durationMs(o.args[0], at(o)) / 1000;
        out.staleMode = staleMode(o);
        break;
      case 'servfail':
        out.servfailTtlSeconds = durationMs(o.args[0] ?? '5s', at(o)) / 1000;
        break;
      case 'disable':
        if (o.args[0] === 'success') out.disableSuccess = o.args.length > 1 ? zonesOfWords(o.args.slice(1), o) : [ROOT];
        else if (o.args[0] === 'denial')
          out.disableDenial = o.args.length > 1 ? zonesOfWords(o.args.slice(1), o) : [ROOT];
        else throw mistake(o, `write disable success or disable denial`);
        break;
      case 'prefetch':
        out.prefetch = prefetch(o);
        break;
      case 'keepttl':
        out.keepTtl = true;
        break;
      default:
        throw unknownOption(o, 'cache');
    }
  }
  return out;
}

/** `serve_stale [DURATION [immediate|verify]]` */
function staleMode(o: Directive): CacheConfig['staleMode'] {
  const mode = o.args[1] ?? 'immediate';
  if (mode === 'verify' || mode === 'verified') return 'verify';
  if (mode === 'immediate') return mode;
  throw mistake(o, `"${mode}" is neither immediate nor verify`);
}

/** `prefetch AMOUNT [DURATION [PERCENTAGE%]]` */
function prefetch(o: Directive): PrefetchConfig {
  const [amount, pause = '1m', percent = '10%'] = o.args;
  if (!percent.endsWith('%')) throw mistake(o, `"${percent}" is no percentage such as 10%`);
  return {
    amount: integerOf(amount, at(o), 0, 1_000_000),
    pauseMs: durationMs(pause, at(o)),
    percent: integerOf(percent.slice(0, -1), at(o), 10, 90),
  };
}
