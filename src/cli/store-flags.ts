// Flags that say where the store is, named as kube-apiserver names them where it has them.
import path from 'node:path';

import { isEtcdUrl } from '../store/index.ts';
import type { StorePlace } from '../roles/open-store.ts';
import { stringFlag, type Flag, type Parsed } from './command.ts';

export const ETCD_FLAGS: Readonly<Record<string, Flag>> = {
  'etcd-cafile': { value: 'FILE', help: "Authority that signed etcd's certificates (PEM); given: TLS." },
  'etcd-certfile': { value: 'FILE', help: 'Client certificate to show to etcd (PEM).' },
  'etcd-keyfile': { value: 'FILE', help: 'Its key (PEM).' },
  'etcd-credentials': { value: 'FILE', help: 'One line USER:PASSWORD, for an etcd with authentication.' },
};

/** `at` is what the user wrote: a file, or `etcd://…`. File names become absolute. */
export function storePlace(parsed: Parsed, at: string): StorePlace {
  const file = (flag: string) => {
    const text = stringFlag(parsed, flag);
    return text === undefined ? undefined : path.resolve(text);
  };
  const [caFile, certFile, keyFile, credentialsFile] = Object.keys(ETCD_FLAGS).map(file);
  return {
    at: isEtcdUrl(at) ? at : path.resolve(at),
    files: {
      ...(caFile === undefined ? {} : { caFile }),
      ...(certFile === undefined ? {} : { certFile }),
      ...(keyFile === undefined ? {} : { keyFile }),
      ...(credentialsFile === undefined ? {} : { credentialsFile }),
    },
  };
}
