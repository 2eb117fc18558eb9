// A transaction as one netlink batch: begin, one or more messages an operation, end. Pure.

import type { MessageWriter } from '../netlink/message.ts';
import {
  MessageWriter as Writer,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REQUEST,
} from '../netlink/message.ts';
import type {
  Field,
  NftChain,
  NftElement,
  NftFamily,
  NftOperation,
  NftRule,
  NftSet,
  NftTable,
  Operand,
  Statement,
  Verdict,
} from './contract.ts';
import { encodeInterval } from './data-types.ts';
import type { DataType } from './data-types.ts';
import type { SetLayout } from './encode-elements.ts';
import { elementFields, setLayout, writeAnonymousSet, writeElements, writeSet } from './encode-elements.ts';
import { RuleEncoder } from './encode-rule.ts';
import type { SetReference } from './expressions.ts';
import {
  CHAIN,
  FAMILIES,
  HOOK,
  HOOKS,
  MSG,
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NFNL_SUBSYS_NFTABLES,
  RULE,
  SET,
  TABLE,
} from './messages.ts';
import { describeOperation, keyFields, natFamily } from './render.ts';
import { DATA_TYPES } from './data-types.ts';
import { commentUserdata, selectorList, selectorType } from './selectors.ts';

export interface EncodedBatch {
  readonly bytes: Buffer;
  /** Sequence number of each operation's first message, in order. */
  readonly starts: readonly number[];
  /** The message whose acknowledgement proves that all were processed. */
  readonly last: number;
}

/** Operation that a message belongs to. */
export function operationOf(batch: EncodedBatch, sequence: number): number {
  let low = 0;
  let high = batch.starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((batch.starts[middle] ?? 0) <= sequence) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** `check`: leave out the end, so that the kernel looks at everything and then drops it. */
export function encodeBatch(
  operations: readonly NftOperation[],
  options: { readonly firstSequence: number; readonly check?: boolean },
): EncodedBatch {
  return new BatchEncoder(options.firstSequence).encode(operations, options.check ?? false);
}

class BatchEncoder {
  readonly #w: MessageWriter = new Writer(4096);
  #sequence: number;
  #setId = 0;
  #lastMessage = 0;

  constructor(firstSequence: number) {
    this.#sequence = firstSequence;
  }

  encode(operations: readonly NftOperation[], check: boolean): EncodedBatch {
    const starts: number[] = [];
    this.#boundary(NFNL_MSG_BATCH_BEGIN);
    for (const operation of operations) {
      starts.push(this.#sequence);
      try {
        this.#operation(operation);
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new RangeError(`nft ${describeOperation(operation)}: ${why}`, { cause });
      }
    }
    const last = this.#sequence - 1;
    if (operations.length > 0) this.#w.addFlags(this.#lastMessage, NLM_F_ACK);
    if (!check) this.#boundary(NFNL_MSG_BATCH_END);
    return { bytes: this.#w.bytes(), starts, last };
  }

  #boundary(type: number): void {
    const start = this.#w.begin(type, NLM_F_REQUEST, this.#sequence++);
    // nfgenmsg: no family, version 0, and the subsystem in network order.
    this.#w.u8(0).u8(0).u8(0).u8(NFNL_SUBSYS_NFTABLES);
    this.#w.end(start);
  }

  #begin(type: number, flags: number, family: NftFamily): number {
    const start = this.#w.begin((NFNL_SUBSYS_NFTABLES << 8) | type, NLM_F_REQUEST | flags, this.#sequence++);
    this.#w.u8(FAMILIES[family]).u8(0).u16(0);
    this.#lastMessage = start;
    return start;
  }

  #operation(operation: NftOperation): void {
    const { verb } = operation;
    if ('set' in operation) {
      const deletion = verb === 'delete';
      const flags = deletion ? 0 : verb === 'create' ? NLM_F_CREATE | NLM_F_EXCL : NLM_F_CREATE;
      this.#elements(operation.set.family, setLayout(operation.set), operation.elements, { deletion, flags });
      return;
    }
    const { object } = operation;
    const flags = verb === 'create' ? NLM_F_CREATE | NLM_F_EXCL : NLM_F_CREATE;
    const w = this.#w;
    switch (object.kind) {
      case 'table':
        this.#table(verb, object, flags);
        return;
      case 'chain':
        this.#chain(verb, object, flags);
        return;
      case 'set':
        this.#set(verb, object, flags);
        return;
      case 'rule':
        this.#rule(object, verb === 'insert' ? NLM_F_CREATE : NLM_F_CREATE | NLM_F_APPEND);
        return;
      case 'rule-ref': {
        const start = this.#begin(MSG.DELRULE, 0, object.family);
        w.attrText(RULE.TABLE, object.table).attrText(RULE.CHAIN, object.chain).attrU64be(RULE.HANDLE, object.handle);
        w.end(start);
      }
    }
  }

  #table(verb: string, table: NftTable, flags: number): void {
    const w = this.#w;
    if (verb === 'flush') {
      const start = this.#begin(MSG.DELRULE, 0, table.family);
      w.attrText(RULE.TABLE, table.name);
      w.end(start);
      return;
    }
    const start =
      verb === 'delete' ? this.#begin(MSG.DELTABLE, 0, table.family) : this.#begin(MSG.NEWTABLE, flags, table.family);
    w.attrText(TABLE.NAME, table.name);
    if (verb !== 'delete' && table.comment !== undefined) w.attr(TABLE.USERDATA, commentUserdata(0, table.comment));
    w.end(start);
  }

  #chain(verb: string, chain: NftChain, flags: number): void {
    const w = this.#w;
    if (verb === 'flush') {
      const start = this.#begin(MSG.DELRULE, 0, chain.family);
      w.attrText(RULE.TABLE, chain.table).attrText(RULE.CHAIN, chain.name);
      w.end(start);
      return;
    }
    const start =
      verb === 'delete' ? this.#begin(MSG.DELCHAIN, 0, chain.family) : this.#begin(MSG.NEWCHAIN, flags, chain.family);
    w.attrText(CHAIN.TABLE, chain.table).attrText(CHAIN.NAME, chain.name);
    if (verb !== 'delete') {
      if (chain.base !== undefined) {
        const hook = w.nest(CHAIN.HOOK);
        w.attrU32be(HOOK.NUM, HOOKS.indexOf(chain.base.hook)).attrU32be(HOOK.PRIORITY, chain.base.priority);
        w.endNest(hook);
        if (chain.base.policy !== undefined) w.attrU32be(CHAIN.POLICY, chain.base.policy === 'accept' ? 1 : 0);
        w.attrText(CHAIN.TYPE, chain.base.type);
      }
      if (chain.comment !== undefined) w.attr(CHAIN.USERDATA, commentUserdata(0, chain.comment));
    }
    w.end(start);
  }

  #set(verb: string, set: NftSet, flags: number): void {
    const w = this.#w;
    if (verb === 'flush') {
      const start = this.#begin(MSG.DELSETELEM, 0, set.family);
      // Without a list of elements, all of them.
      w.attrText(SET.TABLE, set.table).attrText(SET.NAME, set.name);
      w.end(start);
      return;
    }
    const start =
      verb === 'delete' ? this.#begin(MSG.DELSET, 0, set.family) : this.#begin(MSG.NEWSET, flags, set.family);
    if (verb === 'delete') w.attrText(SET.TABLE, set.table).attrText(SET.NAME, set.name);
    else writeSet(w, set, ++this.#setId);
    w.end(start);
  }

  #elements(
    family: NftFamily,
    layout: SetLayout,
    elements: readonly NftElement[],
    options: { readonly deletion: boolean; readonly flags: number },
  ): void {
    const { deletion, flags } = options;
    writeElements(this.#w, layout, elements, {
      deletion,
      begin: () => this.#begin(deletion ? MSG.DELSETELEM : MSG.NEWSETELEM, flags, family),
      end: (start) => this.#w.end(start),
    });
  }

  #rule(rule: NftRule, flags: number): void {
    // Anonymous sets are messages of their own and must come before the rule that owns them.
    const references = new Map<Statement, SetReference>();
    for (const statement of rule.statements) {
      const content = anonymousContent(statement, rule.family);
      if (content !== undefined) references.set(statement, this.#anonymousSet(rule, content));
    }
    const w = this.#w;
    const start = this.#begin(MSG.NEWRULE, flags, rule.family);
    w.attrText(RULE.TABLE, rule.table).attrText(RULE.CHAIN, rule.chain);
    const list = w.nest(RULE.EXPRESSIONS);
    const encoder = new RuleEncoder(w, rule, {
      anonymous: (statement) => references.get(statement) as SetReference,
    });
    for (const statement of rule.statements) encoder.encode(statement);
    w.endNest(list);
    if (rule.comment !== undefined) w.attr(RULE.USERDATA, commentUserdata(0, rule.comment));
    w.end(start);
  }

  #anonymousSet(rule: NftRule, content: AnonymousContent): SetReference {
    const id = ++this.#setId;
    const name = content.data === undefined ? '__set%d' : '__map%d';
    const layout: SetLayout = { table: rule.table, name, id, ...content };
    const start = this.#begin(MSG.NEWSET, NLM_F_CREATE, rule.family);
    writeAnonymousSet(this.#w, layout, id, content.elements.length);
    this.#w.end(start);
    this.#elements(rule.family, layout, content.elements, { deletion: false, flags: NLM_F_CREATE });
    return { name, id };
  }
}

interface AnonymousContent {
  readonly key: readonly DataType[];
  readonly data: SetLayout['data'];
  readonly interval: boolean;
  readonly elements: readonly NftElement[];
}

function keyTypesOf(operand: Operand): readonly DataType[] {
  return selectorList(operand).map(selectorType);
}

/** The members of the set that a statement brings with it, if it does. */
function anonymousContent(statement: Statement, family: NftFamily): AnonymousContent | undefined {
  if (typeof statement === 'string') return undefined;
  if ('match' in statement && 'anyOf' in statement) {
    const key = keyTypesOf(statement.match);
    const elements = statement.anyOf.map((member): NftElement => ({ key: keyFields(member) }));
    return withIntervals(key, undefined, elements);
  }
  if ('vmap' in statement && 'entries' in statement) {
    const key = keyTypesOf(statement.vmap);
    const elements = statement.entries.map(([member, data]): NftElement => ({
      key: keyFields(member),
      data: data as Verdict,
    }));
    return withIntervals(key, 'verdict', elements);
  }
  const target = 'dnat' in statement ? statement.dnat : 'snat' in statement ? statement.snat : undefined;
  if (target === undefined || !('entries' in target)) return undefined;
  const addressType = natFamily(target, family) === 'ip' ? DATA_TYPES.ipv4_addr : DATA_TYPES.ipv6_addr;
  const withPort = target.entries[0]?.[2] !== undefined;
  return {
    key: keyTypesOf(target.map),
    data: withPort ? [addressType, DATA_TYPES.inet_service] : [addressType],
    interval: false,
    elements: target.entries.map(([key, address, port]) => ({
      key: [key],
      data: port === undefined ? [address] : [address, port],
    })),
  };
}

function isInterval(type: DataType, field: Field): boolean {
  return !encodeInterval(type, field).single;
}

function withIntervals(
  key: readonly DataType[],
  data: 'verdict' | undefined,
  elements: readonly NftElement[],
): AnonymousContent {
  const interval = elements.some((element) =>
    elementFields(element.key).some((field, i) => isInterval(key[i] as DataType, field)),
  );
  const merged =
    interval && key.length === 1 && data === undefined ? mergeRanges(key[0] as DataType, elements) : elements;
  return { key, data, interval, elements: merged };
}

/** The kernel refuses overlapping intervals; nft merges those of an anonymous set, and so do we. */
function mergeRanges(type: DataType, elements: readonly NftElement[]): NftElement[] {
  const ranges = elements
    .map((element) => encodeInterval(type, elementFields(element.key)[0] as Field))
    .toSorted((a, b) => Buffer.compare(a.first, b.first));
  const merged: { first: Buffer; last: Buffer }[] = [];
  for (const range of ranges) {
    const previous = merged.at(-1);
    if (previous !== undefined && touches(previous.last, range.first)) {
      if (Buffer.compare(range.last, previous.last) > 0) previous.last = range.last;
    } else {
      merged.push({ first: range.first, last: range.last });
    }
  }
  return merged.map(({ first, last }) => ({ key: [{ from: type.format(first), to: type.format(last) }] }));
}

function touches(last: Buffer, first: Buffer): boolean {
  if (Buffer.compare(first, last) <= 0) return true;
  return BigInt(`0x${first.toString('hex')}`) === BigInt(`0x${last.toString('hex')}`) + 1n;
}
