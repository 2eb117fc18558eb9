// Who may ask what. The first rule that fits decides; a question that none fits is allowed. Stands in front of everything
// that answers or makes other questions of one, so that no way leads past it.
import { Ede, isBelow, Rcode } from '../../dnswire/index.ts';
import type { WireName } from '../../dnswire/index.ts';
import { networkContains } from '../networks.ts';
import { emptyAnswer } from '../plugin.ts';
import type { Answer, DnsPlugin, Query } from '../plugin.ts';

export interface AclRule {
  readonly zones: readonly WireName[];
  /** `block`: REFUSED. `filter`: no records. `drop`: no reply (over TCP: REFUSED). */
  readonly action: 'allow' | 'block' | 'filter' | 'drop';
  /** Undefined: every type. */
  readonly types?: ReadonlySet<number>;
  /** Undefined: every client. */
  readonly networks?: readonly string[];
}

export function createAcl(rules: readonly AclRule[]): DnsPlugin {
  const within = (rule: AclRule, key: WireName, type: number) =>
    rule.zones.some((zone) => isBelow(key, zone)) && (rule.types?.has(type) ?? true);
  return {
    name: 'acl',
    concerns: (key, type) => rules.some((rule) => within(rule, key, type)),
    handle(query, next) {
      const rule = rules.find(
        (r) =>
          within(r, query.key, query.type) &&
          (r.networks?.some((network) => networkContains(network, query.client.address)) ?? true),
      );
      return rule === undefined || rule.action === 'allow' ? next() : Promise.resolve(refusal(rule.action, query));
    },
  };
}

function refusal(action: 'block' | 'filter' | 'drop', query: Query): Answer {
  if (action === 'filter') {
    return emptyAnswer(Rcode.NOERROR, 'acl', { code: Ede.FILTERED, text: 'a rule withholds the records from here' });
  }
  const answer = emptyAnswer(Rcode.REFUSED, 'acl', { code: Ede.PROHIBITED, text: 'a rule refuses this from here' });
  return action === 'drop' && query.transport === 'udp' ? { ...answer, silent: true } : answer;
}
