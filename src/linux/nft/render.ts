// Objects and operations as the text that `nft -f` reads. Pure.

import type {
  Field,
  MarkValue,
  NatTarget,
  NftChain,
  NftElement,
  NftFamily,
  NftOperation,
  NftRule,
  NftSet,
  Scalar,
  Statement,
  Verdict,
} from './contract.ts';
import { hex32 } from './data-types.ts';
import { keyText, operandText, selectorList } from './selectors.ts';

function quote(text: string): string {
  // nft has no escape for quotation marks inside a string.
  if (text.includes('"') || text.includes('\n'))
    throw new RangeError(`nft cannot quote the text ${JSON.stringify(text)}`);
  return `"${text}"`;
}

export function verdictText(verdict: Verdict): string {
  if (typeof verdict === 'string') return verdict;
  return 'jump' in verdict ? `jump ${verdict.jump}` : `goto ${verdict.goto}`;
}

function fieldText(field: Field): string {
  return typeof field === 'object' ? `${field.from}-${field.to}` : String(field);
}

export function keyFields(key: Field | readonly Field[]): readonly Field[] {
  return Array.isArray(key) ? (key as readonly Field[]) : [key as Field];
}

function fieldsText(fields: readonly Field[]): string {
  return fields.map(fieldText).join(' . ');
}

function isMark(operand: Statement & object): boolean {
  if (!('match' in operand)) return false;
  const [first] = selectorList(operand.match);
  return first === 'meta mark' || first === 'ct mark' || (typeof first === 'object' && 'mask' in first);
}

const isName = (operand: unknown): boolean => operand === 'meta iifname' || operand === 'meta oifname';

function valueText(statement: Extract<Statement, { readonly value: unknown }>): string {
  const { value } = statement;
  if (Array.isArray(value)) return (value as readonly Scalar[]).join(',');
  if (isMark(statement) && typeof value === 'number') return hex32(value);
  if ('match' in statement && isName(statement.match)) return quote(String(value as Scalar));
  return fieldText(value as Field);
}

function matchText(statement: Statement & object): string | undefined {
  if (!('match' in statement)) return undefined;
  const left = operandText(statement.match);
  const not = statement.op === '!=' ? '!= ' : '';
  if ('in' in statement) return `${left} ${not}@${statement.in}`;
  if ('anyOf' in statement) {
    const members = statement.anyOf.map((key) => {
      if (isName(statement.match)) return quote(String(keyFields(key)[0] as Scalar));
      return fieldsText(keyFields(key));
    });
    return `${left} ${not}{ ${members.join(', ')} }`;
  }
  const [first] = selectorList(statement.match);
  const masked = typeof first === 'object' && 'mask' in first;
  return `${left} ${not || (masked ? '== ' : '')}${valueText(statement)}`;
}

function markText(statement: { readonly set: string; readonly to: MarkValue }): string {
  const { set, to } = statement;
  if (typeof to === 'number') return `${set} set ${set === 'meta nftrace' ? to : hex32(to)}`;
  if (typeof to === 'string') return `${set} set ${to}`;
  if ('or' in to) return `${set} set ${set} | ${hex32(to.or)}`;
  return 'and' in to ? `${set} set ${set} & ${hex32(to.and)}` : `${set} set ${set} ^ ${hex32(to.xor)}`;
}

function joinAddress(address: string, port: number | undefined): string {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function natText(word: 'dnat' | 'snat', target: NatTarget, family: NftFamily): string {
  if ('address' in target) {
    const ip = family !== 'inet' ? '' : target.address.includes(':') ? 'ip6 ' : 'ip ';
    return `${word} ${ip}to ${joinAddress(target.address, target.port)}`;
  }
  const operand = operandText(target.map);
  if ('in' in target) return `${word} ${natFamily(target, family)} to ${operand} map @${target.in.name}`;
  const entries = target.entries.map(
    ([key, address, port]) => `${key} : ${address}${port === undefined ? '' : ` . ${port}`}`,
  );
  return `${word} ${natFamily(target, family)} to ${operand} map { ${entries.join(', ')} }`;
}

/** Family of the addresses that a translation writes. */
export function natFamily(target: NatTarget, family: NftFamily): 'ip' | 'ip6' {
  if (family !== 'inet') return family;
  if ('address' in target) return target.address.includes(':') ? 'ip6' : 'ip';
  if ('entries' in target) return target.entries[0]?.[1].includes(':') ? 'ip6' : 'ip';
  return keyText(target.in.data as Exclude<NftSet['data'], 'verdict' | undefined>).includes('6') ? 'ip6' : 'ip';
}

function rejectText(reject: string, family: NftFamily): string {
  if (reject === 'default') return 'reject';
  if (reject === 'tcp reset') return 'reject with tcp reset';
  const icmp = { ip: 'icmp', ip6: 'icmpv6', inet: 'icmpx' }[family];
  // ICMPv6 has other words for two of the three.
  const code = family === 'ip6' && reject === 'host-unreachable' ? 'addr-unreachable' : reject;
  return `reject with ${icmp} type ${code}`;
}

/** One statement in nft's words. */
export function statementText(statement: Statement, family: NftFamily): string {
  if (typeof statement === 'string' || 'jump' in statement || 'goto' in statement) return verdictText(statement);
  const match = matchText(statement);
  if (match !== undefined) return match;
  if ('vmap' in statement) {
    const left = `${operandText(statement.vmap)} vmap`;
    if ('in' in statement) return `${left} @${statement.in}`;
    const entries = statement.entries.map(
      ([key, verdict]) => `${fieldsText(keyFields(key))} : ${verdictText(verdict)}`,
    );
    return `${left} { ${entries.join(', ')} }`;
  }
  if ('counter' in statement) return 'counter';
  if ('set' in statement && 'to' in statement) return markText(statement);
  if ('dnat' in statement) return natText('dnat', statement.dnat, family);
  if ('snat' in statement)
    return `${natText('snat', statement.snat, family)}${statement.fullyRandom ? ' fully-random' : ''}`;
  if ('masquerade' in statement) {
    const { random, fullyRandom } = statement.masquerade;
    return `masquerade${random ? ' random' : ''}${fullyRandom ? ' fully-random' : ''}`;
  }
  if ('redirect' in statement) return `redirect to :${statement.redirect}`;
  if ('reject' in statement) return rejectText(statement.reject, family);
  if ('dynset' in statement) {
    const timeout = statement.timeoutSeconds === undefined ? '' : ` timeout ${statement.timeoutSeconds}s`;
    return `${statement.dynset} @${statement.set} { ${operandText(statement.key)}${timeout} }`;
  }
  if ('log' in statement) {
    const prefix = statement.log.prefix === undefined ? '' : ` prefix ${quote(statement.log.prefix)}`;
    return `log${prefix}${statement.log.group === undefined ? '' : ` group ${statement.log.group}`}`;
  }
  return 'notrack' in statement ? 'notrack' : 'tcp flags syn tcp option maxseg size set rt mtu';
}

/** A rule without its place: `ip daddr 10.0.0.1 accept comment "x"`. */
export function ruleText(rule: NftRule): string {
  const parts = rule.statements.map((statement) => statementText(statement, rule.family));
  if (rule.comment !== undefined) parts.push(`comment ${quote(rule.comment)}`);
  return parts.join(' ');
}

function chainText(chain: NftChain): string {
  const parts: string[] = [];
  if (chain.base !== undefined) {
    const { type, hook, priority, policy } = chain.base;
    parts.push(`type ${type} hook ${hook} priority ${priority} ;`);
    if (policy !== undefined) parts.push(`policy ${policy} ;`);
  }
  if (chain.comment !== undefined) parts.push(`comment ${quote(chain.comment)} ;`);
  return parts.length === 0 ? '' : ` { ${parts.join(' ')} }`;
}

function setText(set: NftSet): string {
  const word = 'type' in set.key ? 'type' : 'typeof';
  const dataText = set.data === undefined ? '' : ` : ${set.data === 'verdict' ? 'verdict' : keyText(set.data)}`;
  const parts = [`${word} ${keyText(set.key)}${dataText} ;`];
  if (set.flags?.length) parts.push(`flags ${set.flags.join(',')} ;`);
  if (set.timeoutSeconds !== undefined) parts.push(`timeout ${set.timeoutSeconds}s ;`);
  if (set.size !== undefined) parts.push(`size ${set.size} ;`);
  if (set.comment !== undefined) parts.push(`comment ${quote(set.comment)} ;`);
  return ` { ${parts.join(' ')} }`;
}

export function elementText(element: NftElement): string {
  const { key, data } = element;
  const parts = [typeof key === 'string' ? key : fieldsText(key)];
  if (element.timeoutSeconds !== undefined) parts.push(`timeout ${element.timeoutSeconds}s`);
  if (element.comment !== undefined) parts.push(`comment ${quote(element.comment)}`);
  if (data === undefined) return parts.join(' ');
  const right = Array.isArray(data) ? fieldsText(data as readonly Scalar[]) : verdictText(data as Verdict);
  return `${parts.join(' ')} : ${right}`;
}

/** `add table ip portico`: the operation in one line, elements left out. */
export function describeOperation(operation: NftOperation): string {
  const { verb } = operation;
  if ('set' in operation) {
    const { set, elements } = operation;
    return `${verb} ${elements.length === 1 ? `element ${elementText(elements[0] as NftElement)}` : `${elements.length} elements`} ${verb === 'delete' ? 'of' : 'to'} ${set.family} ${set.table} ${set.name}`;
  }
  return operationText(operation);
}

function operationText(operation: NftOperation): string {
  if ('set' in operation) {
    const { verb, set } = operation;
    const elements = operation.elements.map(verb === 'delete' ? (e) => elementText({ key: e.key }) : elementText);
    return `${verb} element ${set.family} ${set.table} ${set.name} { ${elements.join(', ')} }`;
  }
  const { verb, object } = operation;
  const full = verb === 'add' || verb === 'create';
  switch (object.kind) {
    case 'table': {
      const comment = full && object.comment !== undefined ? ` { comment ${quote(object.comment)} ; }` : '';
      return `${verb} table ${object.family} ${object.name}${comment}`;
    }
    case 'chain':
      return `${verb} chain ${object.family} ${object.table} ${object.name}${full ? chainText(object) : ''}`;
    case 'set': {
      const word = object.data === undefined ? 'set' : 'map';
      return `${verb} ${word} ${object.family} ${object.table} ${object.name}${full ? setText(object) : ''}`;
    }
    case 'rule':
      return `${verb} rule ${object.family} ${object.table} ${object.chain} ${ruleText(object)}`;
    case 'rule-ref':
      return `${verb} rule ${object.family} ${object.table} ${object.chain} handle ${object.handle}`;
  }
}

/** One line an operation. */
export function renderOperations(operations: readonly NftOperation[]): string {
  return operations.map((operation) => `${operationText(operation)}\n`).join('');
}
