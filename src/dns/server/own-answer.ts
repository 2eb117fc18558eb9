// Questions about the server itself (class CH), and classes that nobody serves.
import { Class, Ede, formatName, Rcode, Type } from '../../dnswire/index.ts';
import { emptyAnswer } from '../plugin.ts';
import type { Answer, Query } from '../plugin.ts';

export interface ServerIdentity {
  /** Text for NSID and `id.server`: tells replicas apart. */
  readonly serverId: string;
  readonly version: string;
}

/** Undefined for class IN, which the plugins answer. */
export function ownAnswer(query: Query, { version, serverId }: ServerIdentity): Answer | undefined {
  if (query.class === Class.IN) return undefined;
  const texts: Readonly<Record<string, string>> = {
    'version.bind.': version,
    'version.server.': version,
    'id.server.': serverId,
    'hostname.bind.': serverId,
  };
  const isText = query.class === Class.CH && (query.type === Type.TXT || query.type === Type.ANY);
  const text = texts[formatName(query.key)];
  if (!isText || text === undefined) {
    const error = { code: Ede.NOT_SUPPORTED, text: 'only class IN is served' };
    return emptyAnswer(Rcode.REFUSED, '', error);
  }
  const bytes = Buffer.from(text).toString('latin1').slice(0, 255);
  const rdata = String.fromCharCode(bytes.length) + bytes;
  const answers = [{ name: query.name, type: Type.TXT, class: Class.CH, ttl: 0, rdata }];
  return { ...emptyAnswer(Rcode.NOERROR, 'chaos'), authoritative: true, answers };
}
