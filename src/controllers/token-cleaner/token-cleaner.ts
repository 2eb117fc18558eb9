// Deletes bootstrap tokens whose time is over.
import { BOOTSTRAP_TOKEN_TYPE, secrets, type Secret } from '../../api/objects.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { startReconciler } from '../runtime/reconciler.ts';

/** Epoch milliseconds; undefined: never, or not readable. */
function expiresAtMs(secret: Secret): number | undefined {
  const at = Date.parse(Buffer.from(secret.data?.['expiration'] ?? '', 'base64').toString('utf8'));
  return Number.isNaN(at) ? undefined : at;
}

export function startTokenCleaner(context: ControllerContext): Running {
  const { client, informers, clock, log } = context;
  const informer = informers.of(secrets);
  informer.onChange(({ key, after }) => {
    if (after?.type === BOOTSTRAP_TOKEN_TYPE && after.metadata.namespace === 'kube-system') queue.add(key);
  });
  const queue = startReconciler(context, {
    name: 'token-cleaner',
    needs: [informer],
    async reconcile(key) {
      const secret = informer.items.get(key);
      const at = secret === undefined ? undefined : expiresAtMs(secret);
      if (secret === undefined || at === undefined) return;
      // setTimeout() counts in 31 bits; a token that lives longer is looked at again.
      if (at > clock.now()) return queue.addAfter(key, Math.min(at - clock.now(), 2 ** 31 - 1));
      const { name, namespace = '', uid, resourceVersion } = secret.metadata;
      await client.resource(secrets).delete(name, { namespace, preconditions: { uid, resourceVersion } });
      log.info('an expired bootstrap token was deleted', { secret: name });
    },
  });
  return { stop: () => queue.stop() };
}
