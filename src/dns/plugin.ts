// The contract between the server and what answers questions: a chain of plugins, each answering or asking the next.
import type { Edns, ResourceRecord, WireName } from '../dnswire/index.ts';

export type Transport = 'udp' | 'tcp';

export interface Query {
  /** As asked: the case of the letters is kept. */
  readonly name: WireName;
  /** In lower case. */
  readonly key: WireName;
  readonly type: number;
  readonly class: number;
  /** Second header word of the query. */
  readonly flags: number;
  readonly edns?: Edns;
  readonly transport: Transport;
  readonly client: { readonly address: string; readonly port: number };
  /** Largest reply the client takes, in bytes. */
  readonly maxSize: number;
  /** IXFR: the serial that the client has. */
  readonly serial?: number;
  /** How many aliases were followed to get here. */
  readonly depth: number;
  /** Steps worth telling a person; only present when somebody asked why. */
  readonly trace?: string[];
}

/** Extended DNS Error (RFC 8914). */
export interface AnswerError {
  readonly code: number;
  readonly text: string;
}

/** A reply as a value. Shared between clients by the cache: never change one. */
export interface Answer {
  readonly rcode: number;
  readonly authoritative: boolean;
  /** The records did not all fit on the way here. */
  readonly truncated?: boolean;
  readonly authenticated?: boolean;
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
  readonly error?: AnswerError;
  /** Flags of the reply, whatever else they would be. */
  readonly header?: { readonly set: number; readonly clear: number };
  /** Nothing is sent. */
  readonly silent?: boolean;
  /** Name of the plugin that answered. */
  readonly from: string;
}

/** Asks the plugins behind: the same question, or another one. */
export type Next = (query?: Query) => Promise<Answer>;

export interface DnsPlugin {
  readonly name: string;
  /** Answers, or asks the plugins behind it. An Answer is a value, never a socket. */
  handle(query: Query, next: Next): Promise<Answer>;
  /**
   * False when this plugin surely passes the question on unchanged. Lets the server take the short way to the cluster
   * records past plugins in front of them. Absent: the plugin may touch any question.
   */
  concerns?(key: WireName, type: number): boolean;
  stop?(): void;
}

const EMPTY: readonly ResourceRecord[] = [];

/** An answer without records. */
export function emptyAnswer(rcode: number, from: string, error?: AnswerError): Answer {
  const answer = { rcode, authoritative: false, answers: EMPTY, authorities: EMPTY, additionals: EMPTY, from };
  return error === undefined ? answer : { ...answer, error };
}
