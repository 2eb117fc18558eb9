// A large plan as several restores, one after the other. iptables-nft takes time that grows with the square of what one
// restore holds: 77 s for 2,000 services with 10 endpoints at once, 4 s in parts (measured). Pure.
import { restoreInput, type ChainId, type ChainText, type RestoreExtras, type RulePlan } from './plan.ts';

/** What services' own chains jump to outside of themselves: it must be there before them. */
const MARK_CHAIN: ChainId = 'nat KUBE-MARK-MASQ';

/**
 * First the chains of the services, all of a service in one part: nothing leads to new ones yet, and those that stand go
 * from one state of their service to the next. Then, in the last part, what leads to them, and the removal of chains.
 * A plan of up to `mostChains` chains is one part.
 */
export function restoreParts(plan: RulePlan, mostChains: number, extras: RestoreExtras = {}): string[] {
  if (plan.chains.size <= mostChains) return [restoreInput(plan.chains, extras)];
  const parts: string[] = [];
  const rest = new Map(plan.chains);
  let part = new Map<ChainId, ChainText>();
  const take = (id: ChainId) => {
    const text = rest.get(id);
    if (text === undefined) return;
    part.set(id, text);
    rest.delete(id);
  };
  take(MARK_CHAIN);
  for (const { own } of plan.shares.values()) {
    for (const name of own) take(`nat ${name}`);
    if (part.size < mostChains) continue;
    parts.push(restoreInput(part));
    part = new Map();
  }
  if (part.size > 0) parts.push(restoreInput(part));
  return [...parts, restoreInput(rest, extras)];
}
