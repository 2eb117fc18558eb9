// nftables over netlink: one batch a transaction, dumps for the readers, the notification group for events.

import { runCommand } from '../netns/run-command.ts';
import type { NetlinkMessage } from '../netlink/message.ts';
import {
  MessageWriter,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  parseAttributes,
  parseMessages,
} from '../netlink/message.ts';
import type { Acknowledgement } from '../netlink/socket.ts';
import { NETLINK_NETFILTER, NetlinkSocket, parseAcknowledgement } from '../netlink/socket.ts';
import { isErrno, KernelError } from '../sys/kernel-error.ts';
import type {
  ChainFacts,
  ElementFacts,
  Nft,
  NftEvent,
  NftOperation,
  NftSet,
  RuleFacts,
  SetFacts,
  TableFacts,
  TableRef,
} from './contract.ts';
import type { RawElement } from './decode.ts';
import {
  decodeChain,
  decodeElements,
  decodeEvent,
  decodePlainElements,
  decodeRule,
  decodeSet,
  decodeTable,
  elementFacts,
} from './decode.ts';
import { setLayout } from './encode-elements.ts';
import type { EncodedBatch } from './encode-batch.ts';
import { encodeBatch, operationOf } from './encode-batch.ts';
import {
  CHAIN,
  ELEMENT_LIST,
  FAMILIES,
  GEN,
  MSG,
  NFNL_SUBSYS_NFTABLES,
  NFNLGRP_NFTABLES,
  RULE,
  SET,
} from './messages.ts';
import { describeOperation } from './render.ts';

const ENOBUFS = 105;
const RECEIVE_BUFFER = 4 << 20;

/** The namespace's nftables, synchronously underneath: a small transaction takes about 0.1 ms. */
export class NetlinkNft implements Nft {
  readonly #netns: string | undefined;
  readonly #socket: NetlinkSocket;
  readonly #writer = new MessageWriter();
  #sequence = 1;

  constructor(netns?: string) {
    this.#netns = netns;
    this.#socket = new NetlinkSocket(NETLINK_NETFILTER, { netns, receiveBuffer: RECEIVE_BUFFER });
  }

  async run(
    transaction: { readonly operations: readonly NftOperation[] },
    options: { readonly check?: boolean } = {},
  ): Promise<void> {
    this.runSync(transaction, options);
  }

  /** As `run`, done when it returns. */
  runSync(
    transaction: { readonly operations: readonly NftOperation[] },
    options: { readonly check?: boolean } = {},
  ): void {
    const { operations } = transaction;
    if (operations.length === 0) return;
    // Far from the numbers of dumps, and never repeated soon.
    this.#sequence = (this.#sequence + 1) & 0x3fffffff || 1;
    const batch = encodeBatch(operations, { firstSequence: this.#sequence, check: options.check ?? false });
    this.#sequence = batch.last + 2;
    this.#socket.reserveSend(batch.bytes.length);
    this.#socket.send(batch.bytes, 'run an nft transaction');
    const failure = this.#answer(batch);
    if (failure === undefined) return;
    const operation = operations[operationOf(batch, failure.sequence)] as NftOperation;
    const where = this.#netns === undefined ? '' : ` in ${this.#netns}`;
    throw new KernelError(
      failure.errno,
      `nft ${describeOperation(operation)}${where}`,
      failure.detail === undefined ? {} : { detail: failure.detail },
    );
  }

  /** The kernel has answered everything by the time `send` returns; the first failure is the one that matters. */
  #answer(batch: EncodedBatch): Acknowledgement | undefined {
    const what = 'read the answer to an nft transaction';
    const first = batch.starts[0] ?? 0;
    let failure: Acknowledgement | undefined;
    let done = false;
    let lost = false;
    for (;;) {
      let datagram: Buffer | undefined;
      try {
        datagram = this.#socket.receive(what, !done && failure === undefined && !lost);
      } catch (error) {
        if (!(error instanceof KernelError) || error.errno !== ENOBUFS) throw error;
        lost = true;
        continue;
      }
      if (datagram === undefined) break;
      for (const message of parseMessages(datagram)) {
        if (message.type !== NLMSG_ERROR) continue;
        const answer = parseAcknowledgement(message);
        // The begin of the batch carries the number before the first: errors of the whole batch come under it.
        if (answer.sequence < first - 1 || answer.sequence > batch.last + 1) continue;
        if (answer.errno !== 0) failure ??= answer;
        else if (answer.sequence === batch.last) done = true;
      }
    }
    if (failure === undefined && !done) throw new KernelError(ENOBUFS, what);
    return failure;
  }

  #dump<T>(
    type: number,
    family: number,
    body: (w: MessageWriter) => void,
    decode: (m: NetlinkMessage) => T | undefined,
    what: string,
  ): T[] {
    const build = (sequence: number): MessageWriter => {
      const w = this.#writer;
      w.clear();
      const start = w.begin((NFNL_SUBSYS_NFTABLES << 8) | type, NLM_F_REQUEST | NLM_F_DUMP, sequence);
      w.u8(family).u8(0).u16(0);
      body(w);
      w.end(start);
      return w;
    };
    return this.#socket.query(build, decode, what);
  }

  async tables(): Promise<TableFacts[]> {
    return this.#dump(MSG.GETTABLE, 0, () => {}, decodeTable, 'list nft tables');
  }

  async chains(table: TableRef): Promise<ChainFacts[]> {
    const body = (w: MessageWriter) => void w.attrText(CHAIN.TABLE, table.name);
    const all = this.#dump(MSG.GETCHAIN, FAMILIES[table.family], body, decodeChain, 'list nft chains');
    // Kernels before 6 ignore the name of the table here.
    return all.filter((chain) => chain.table === table.name);
  }

  async sets(table: TableRef): Promise<SetFacts[]> {
    const body = (w: MessageWriter) => void w.attrText(SET.TABLE, table.name);
    try {
      return this.#dump(MSG.GETSET, FAMILIES[table.family], body, decodeSet, 'list nft sets');
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    }
  }

  async rules(table: TableRef): Promise<RuleFacts[]> {
    const body = (w: MessageWriter) => void w.attrText(RULE.TABLE, table.name);
    const all = this.#dump(MSG.GETRULE, FAMILIES[table.family], body, decodeRule, 'list nft rules');
    return all.filter((rule) => rule.table === table.name);
  }

  async elements(set: NftSet): Promise<ElementFacts[]> {
    const layout = setLayout(set);
    const body = (w: MessageWriter) =>
      void w.attrText(ELEMENT_LIST.TABLE, set.table).attrText(ELEMENT_LIST.SET, set.name);
    const decode = (message: NetlinkMessage): RawElement[] => decodeElements(message, layout);
    const what = `list the elements of nft set ${set.family} ${set.table} ${set.name}`;
    if (layout.interval) {
      return elementFacts(this.#dump(MSG.GETSETELEM, FAMILIES[set.family], body, decode, what).flat(), layout);
    }
    const plain = (message: NetlinkMessage): ElementFacts[] => decodePlainElements(message, layout);
    return this.#dump(MSG.GETSETELEM, FAMILIES[set.family], body, plain, what).flat();
  }

  /** Number of the rule set's generation: it grows with every transaction of anybody in the namespace. */
  generation(): number {
    const build = (sequence: number): MessageWriter => {
      const w = this.#writer;
      w.clear();
      const start = w.begin((NFNL_SUBSYS_NFTABLES << 8) | MSG.GETGEN, NLM_F_REQUEST | 4, sequence);
      w.u8(0).u8(0).u16(0);
      w.end(start);
      return w;
    };
    const decode = (message: NetlinkMessage) =>
      parseAttributes(message.payload.subarray(4)).get(GEN.ID)?.readUInt32BE();
    return this.#socket.query(build, decode, 'read the nft generation')[0] ?? 0;
  }

  listText(table: TableRef): Promise<string | undefined> {
    return listTable(table, this.#netns);
  }

  close(): void {
    this.#socket.close();
  }
}

/** `nft list table` as it is; undefined when there is no such table. */
export async function listTable(table: TableRef, netns: string | undefined): Promise<string | undefined> {
  const result = await runCommand('nft', ['list', 'table', table.family, table.name], { netns });
  if (result.status === 0) return result.stdout;
  if (result.stderr.includes('No such file or directory')) return undefined;
  throw new Error(`nft list table ${table.family} ${table.name}: ${result.stderr.trim()}`);
}

/** Every change of anybody in the namespace, until `close`; does not keep the process alive. */
export function monitorNft(netns: string | undefined, onEvent: (event: NftEvent) => void): { close(): void } {
  const options = { netns, groups: [NFNLGRP_NFTABLES], receiveBuffer: RECEIVE_BUFFER };
  const socket = new NetlinkSocket(NETLINK_NETFILTER, options);
  socket.listen(
    (message) => {
      const event = decodeEvent(message);
      if (event !== undefined) onEvent(event);
    },
    () => onEvent({ kind: 'overflow' }),
  );
  return { close: () => socket.close() };
}
