// The Corefile's `forward`.
import { parseRcode, ROOT } from '../../../dnswire/index.ts';
import type { UpstreamAddress } from '../../plugins/forward/exchange.ts';
import { defaultForward } from '../config.ts';
import type { ForwardBlockConfig } from '../config.ts';
import { durationMs, integerOf, upstreamOf, zonesOf } from '../values.ts';
import { at, mistake, unknownOption, zonesOfWords } from './directive.ts';
import type { Mutable } from './directive.ts';
import type { Directive } from './syntax.ts';

/** `forward ZONE ADDRESS… { … }` */
export function forward(d: Directive): ForwardBlockConfig {
  const [from, ...to] = d.args;
  if (from === undefined || to.length === 0) throw mistake(d, `write forward ZONE ADDRESS…`);
  if (to.length > 15) throw mistake(d, `at most 15 upstreams`);
  const name = d.block.find((o) => o.name === 'tls_servername')?.args[0] ?? '';
  const files = tlsFiles(d.block.find((o) => o.name === 'tls')?.args ?? []);
  const tls = files === undefined ? { name } : { name, files };
  const out: Mutable<ForwardBlockConfig> = {
    ...defaultForward(),
    zone: zonesOf(from, at(d))[0] ?? ROOT,
    to: to.map((text) => upstreamOf(text, at(d), tls)),
    preferUdp: false,
    // Without the option CoreDNS has no limit; a bound keeps memory bounded.
    maxConcurrent: 10_000,
  };
  for (const o of d.block) {
    switch (o.name) {
      case 'except':
        out.except = zonesOfWords(o.args, o);
        break;
      case 'force_tcp':
        out.forceTcp = true;
        break;
      case 'prefer_udp':
        out.preferUdp = true;
        break;
      case 'max_concurrent':
        out.maxConcurrent = integerOf(o.args[0], at(o), 1, 1_000_000);
        break;
      case 'max_fails':
        out.maxFails = integerOf(o.args[0], at(o), 0, 1000);
        break;
      case 'health_check':
        out.healthCheckMs = durationMs(o.args[0] ?? '', at(o));
        break;
      case 'failfast_all_unhealthy_upstreams':
        out.failfast = true;
        break;
      case 'next':
        out.nextOn = o.args.map((text) => rcodeOf(text, o));
        break;
      case 'failover':
        out.failoverOn = [...out.failoverOn, ...o.args.map((text) => rcodeOf(text, o))];
        break;
      case 'policy': {
        const policy = o.args[0];
        if (policy !== 'random' && policy !== 'round_robin' && policy !== 'sequential')
          throw mistake(o, `"${policy ?? ''}" is none of random, round_robin, sequential`);
        out.policy = policy;
        break;
      }
      case 'tls_servername':
      case 'tls':
      case 'expire':
      case 'max_idle_conns':
      case 'read_timeout':
        break;
      default:
        throw unknownOption(o, 'forward');
    }
  }
  return out;
}

function rcodeOf(text: string, o: Directive): number {
  const rcode = parseRcode(text);
  if (rcode === undefined) throw mistake(o, `"${text}" is no reply code`);
  return rcode;
}

/** `tls`, `tls CA`, `tls CERT KEY`, `tls CERT KEY CA`. */
function tlsFiles(args: readonly string[]): UpstreamAddress['tlsFiles'] {
  const [first, key, ca] = args;
  if (first === undefined) return undefined;
  if (key === undefined) return { ca: first };
  return ca === undefined ? { cert: first, key } : { cert: first, key, ca };
}
