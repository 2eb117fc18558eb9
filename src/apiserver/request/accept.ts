// What the client can read, by its Accept header: in which notation, and whether in another shape than the objects' own.
import { notAcceptable } from '../../api/index.ts';

export interface Accepted {
  readonly notation: 'json' | 'yaml';
  /** `Table`, `PartialObjectMetadata`, …; undefined: the objects as they are. */
  readonly as: string | undefined;
  /** Version of that shape. */
  readonly version: string | undefined;
}

const JSON_TYPES: ReadonlySet<string> = new Set(['application/json', 'application/*', '*/*', '']);

/** The first that this server writes; undefined when there is none. */
export function acceptedOf(accept: string): Accepted | undefined {
  for (const media of accept.split(',')) {
    const [type = '', ...parameters] = media.split(';').map((p) => p.trim());
    const notation = JSON_TYPES.has(type) ? 'json' : type === 'application/yaml' ? 'yaml' : undefined;
    if (notation === undefined) continue;
    const valueOf = (name: string) => parameters.find((p) => p.startsWith(`${name}=`))?.slice(name.length + 1);
    return { notation, as: valueOf('as'), version: valueOf('v') };
  }
  return undefined;
}

/** @throws StatusError 406. Events of a watch have no form in YAML. */
export function checkAccept(accept: string, isWatch: boolean): void {
  const accepted = acceptedOf(accept);
  if (accepted !== undefined && !(isWatch && accepted.notation === 'yaml')) return;
  throw notAcceptable(isWatch ? ['application/json'] : ['application/json', 'application/yaml']);
}

/** Is this an API path, whose answers may be had as YAML? */
export const isApiPath = (path: string): boolean => /^\/apis?(?:\/|$)/.test(path);
