import { createWriteStream, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { portKubernetesState, storedValueText } from '../apiserver/index.ts';
import type { ClientConfig } from '../client/index.ts';
import { errorText, UserError } from '../errors/index.ts';
import { https } from '../http/index.ts';
import { holdsKubernetesState } from '../roles/kubernetes-state.ts';
import { openStore, type StorePlace } from '../roles/open-store.ts';
import {
  checkSame,
  copyStore,
  fillStore,
  parseSnapshot,
  snapshotText,
  type Convert,
  type Store,
  type Summary,
} from '../store/index.ts';
import { ADMIN_FLAGS, adminConfig } from './admin-client.ts';
import { requiredFlag, stringFlag, type Command, type Parsed } from './command.ts';
import { ETCD_FLAGS, storePlace } from './store-flags.ts';

const say = (text: string) => void process.stdout.write(`${text}\n`);

async function withStore<T>(place: StorePlace, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(place, { decode: storedValueText });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

const report = (verb: string, to: string, { count, sha256 }: Summary) =>
  say(`${verb} ${count} keys to ${to}, read back and compared: sha256 ${sha256}`);

async function migrate(parsed: Parsed): Promise<void> {
  const [from, to] = [requiredFlag(parsed, 'from'), requiredFlag(parsed, 'to')];
  const summary = await withStore(storePlace(parsed, from), async (source) => {
    const convert = (await holdsKubernetesState(source)) ? portOrRefuse : undefined;
    return withStore(storePlace(parsed, to), (target) => copyStore(source, target, convert));
  });
  report('copied', to, summary);
}

/** The objects of a Kubernetes control plane under our keys; says what stays behind. @throws UserError */
const portOrRefuse: Convert = (read) => {
  const { entries, leftOut, unreadable } = portKubernetesState(read);
  if (unreadable.length > 0) {
    throw new UserError(`nothing was copied: ${unreadable.length} values cannot be read\n${unreadable.join('\n')}`);
  }
  for (const line of leftOut) process.stderr.write(`left out ${line}\n`);
  return entries;
};

async function restore(parsed: Parsed, file: string): Promise<void> {
  const to = requiredFlag(parsed, 'to');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new UserError(`${file} cannot be read: ${errorText(cause)}`, { cause });
  }
  const { entries, summary } = parseSnapshot(text, file);
  const written = await withStore(storePlace(parsed, to), (target) => fillStore(target, entries));
  checkSame(summary, written);
  report('restored', to, written);
}

/** From a store that no server holds, or through a running server; the file appears when it is whole. */
async function snapshot(parsed: Parsed, file: string): Promise<void> {
  const from = stringFlag(parsed, 'from');
  const part = `${file}.part`;
  const save = (chunks: AsyncIterable<string | Uint8Array>) =>
    pipeline(Readable.from(chunks, { objectMode: false }), createWriteStream(part, { mode: 0o600 }));
  try {
    if (from === undefined) await save(await download(adminConfig(parsed)));
    else await withStore(storePlace(parsed, from), (store) => save(snapshotText(store)));
    const { summary } = parseSnapshot(readFileSync(part, 'utf8'), part);
    renameSync(part, file);
    say(`saved ${summary.count} keys in ${path.resolve(file)}: sha256 ${summary.sha256}`);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

function download(config: ClientConfig): Promise<AsyncIterable<Uint8Array>> {
  const { caPem, token, tlsServerName } = config;
  const { certPem, keyPem } = config.credentials?.() ?? config;
  const bearer = typeof token === 'function' ? token() : token;
  return new Promise((resolve, reject) => {
    const asked = https.get(
      new URL('/portico/snapshot', config.server),
      {
        ...(caPem === undefined ? {} : { ca: caPem }),
        ...(certPem === undefined ? {} : { cert: certPem }),
        ...(keyPem === undefined ? {} : { key: keyPem }),
        ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
        ...(bearer === undefined ? {} : { headers: { authorization: `Bearer ${bearer}` } }),
      },
      (response) => {
        if (response.statusCode === 200) return resolve(response);
        response.resume();
        reject(
          new UserError(`${config.server} answers ${response.statusCode}: an administrator's kubeconfig is needed`),
        );
      },
    );
    asked.on('error', (cause) => reject(new UserError(`${config.server}: ${cause.message}`, { cause })));
  });
}

export const command: Command = {
  usage: 'snapshot FILE | restore FILE --to STORE | migrate --from STORE --to STORE [flags]',
  summary:
    'Saves the state of a cluster to a file, also while it runs, restores it, or copies it from one kind of store to ' +
    'another. STORE is a database file or etcd://HOST:PORT[,…]. Snapshots hold every Secret: keep them safe.',
  positionals: true,
  flags: {
    from: { value: 'STORE', help: 'Read from here; a snapshot without it asks the running server.' },
    to: { value: 'STORE', help: 'Write here; it has to be empty, and no server may run on it.' },
    ...ETCD_FLAGS,
    ...ADMIN_FLAGS,
  },
  async run(parsed) {
    const [verb, file, ...more] = parsed.positionals;
    if (verb === 'migrate' && file === undefined) await migrate(parsed);
    else if (verb === 'snapshot' && file !== undefined && more.length === 0) await snapshot(parsed, file);
    else if (verb === 'restore' && file !== undefined && more.length === 0) await restore(parsed, file);
    else throw new UserError(`say what to do: 'portico store ${this.usage.split(' [')[0]}'`);
    return 0;
  },
};
