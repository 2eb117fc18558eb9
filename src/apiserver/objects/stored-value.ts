// Objects as the text that is stored, and the bytes of a value in etcd as such a text: ours are JSON, a kube-apiserver's
// are protobuf.
import { decodeProtobuf, StatusError, type KubeObject } from '../../api/index.ts';

const PROTOBUF = 'k8s\0';
const ENCRYPTED = 'k8s:enc:';
/** Begins the text of a value that cannot be read; no object's text begins so. */
const UNREADABLE = 'unreadable: ';

const utf8 = new TextDecoder();

/** Never throws: what cannot be read becomes a text that says why (`unreadableReason`). */
export function storedValueText(bytes: Uint8Array): string {
  if (startsWith(bytes, PROTOBUF)) {
    try {
      return storedText(decodeProtobuf(bytes) as unknown as KubeObject);
    } catch (error) {
      if (error instanceof StatusError) return UNREADABLE + error.message;
      throw error;
    }
  }
  const text = utf8.decode(bytes);
  if (!text.startsWith(ENCRYPTED)) return text;
  return (
    `${UNREADABLE}it is encrypted (${text.slice(0, 40).split(':').slice(0, 4).join(':')}): have the kube-apiserver ` +
    `write it in plain text first (provider identity)`
  );
}

/** Why a text that `storedValueText` gave is no object's. */
export const unreadableReason = (text: string): string | undefined =>
  text.startsWith(UNREADABLE) ? text.slice(UNREADABLE.length) : undefined;

function startsWith(bytes: Uint8Array, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[i] !== text.charCodeAt(i)) return false;
  return true;
}

/**
 * The text to store: kind, apiVersion and metadata come first, and the resourceVersion stays out because the store
 * gives it; `textAt` puts it back without parsing.
 */
export function storedText(object: KubeObject): string {
  const { kind, apiVersion, metadata, ...rest } = object;
  const { resourceVersion: _, ...ownMetadata } = metadata;
  return JSON.stringify({ kind, apiVersion, metadata: ownMetadata, ...rest });
}
