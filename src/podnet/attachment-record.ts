// The record of who has which address on this node: one small file, replaced whole. It is written before the kernel is
// changed and after the kernel was cleaned, so whatever moment the agent is killed at, nothing exists unrecorded.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Attachment, HostPort, PodRef } from './contract.ts';

export type RecordedAttachment = Attachment & PodRef & { readonly hostPorts?: readonly HostPort[] };

interface Content {
  readonly version: 1;
  /** Last address given out of each pod CIDR. */
  readonly last: Readonly<Record<string, string>>;
  readonly attachments: readonly RecordedAttachment[];
}

export class AttachmentRecord {
  readonly #file: string;
  readonly #attachments = new Map<string, RecordedAttachment>();
  readonly #last = new Map<string, string>();

  /** Reads the record of `stateDir`; throws when the file is there but is not a record. */
  constructor(stateDir: string) {
    mkdirSync(stateDir, { recursive: true });
    this.#file = path.join(stateDir, 'attachments.json');
    const content = readContent(this.#file);
    for (const [cidr, ip] of Object.entries(content.last)) this.#last.set(cidr, ip);
    for (const attachment of content.attachments) this.#attachments.set(attachment.uid, attachment);
  }

  get attachments(): ReadonlyMap<string, RecordedAttachment> {
    return this.#attachments;
  }

  /** Does a pod of this node have the namespace of this name? */
  holds(netns: string): boolean {
    return [...this.#attachments.values()].some((attachment) => attachment.netns === netns);
  }

  usedAddresses(): Set<string> {
    return new Set([...this.#attachments.values()].flatMap((attachment) => attachment.ips));
  }

  lastAddress(podCidr: string): string | undefined {
    return this.#last.get(podCidr);
  }

  /** Adds or replaces; `given` are addresses newly taken, by pod CIDR. */
  put(attachment: RecordedAttachment, given: ReadonlyMap<string, string>): void {
    for (const [cidr, ip] of given) this.#last.set(cidr, ip);
    this.#attachments.set(attachment.uid, attachment);
    this.#write();
  }

  remove(uid: string): void {
    if (this.#attachments.delete(uid)) this.#write();
  }

  #write(): void {
    const content: Content = {
      version: 1,
      last: Object.fromEntries(this.#last),
      attachments: [...this.#attachments.values()],
    };
    const next = `${this.#file}.new`;
    // No fsync: after a crash of the machine the namespaces are gone as well, and the agent starts from nothing.
    writeFileSync(next, JSON.stringify(content), { mode: 0o600 });
    renameSync(next, this.#file);
  }
}

function readContent(file: string): Content {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return { version: 1, last: {}, attachments: [] };
    }
    throw error;
  }
  try {
    const content = JSON.parse(text) as Content;
    if (content.version === 1 && Array.isArray(content.attachments)) return content;
  } catch {
    // Falls through to the one message below.
  }
  throw new Error(`${file} is not a record of pod addresses; remove the node's pods, delete the file and start again`);
}
