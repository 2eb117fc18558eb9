// ControllerRevisions: the templates that a StatefulSet or DaemonSet has had, for roll-outs and for rolling back.
import { controllerRevisions, isAlreadyExists, isNotFound } from '../../api/objects.ts';
import type { ControllerRevision, KubeObject } from '../../api/objects.ts';
import type { Client } from '../../client/index.ts';
import { canonicalText, sameValue } from './canonical.ts';
import { controllerReference } from './owners.ts';
import type { PodTemplate } from './pod-control.ts';
import { shortHash } from './short-hash.ts';

export const REVISION_HASH = 'controller-revision-hash';

/** What `kubectl rollout undo` applies as a patch. */
function revisionData(template: PodTemplate): unknown {
  return { spec: { template: { ...template, $patch: 'replace' } } };
}

export const templateOf = (revision: ControllerRevision): PodTemplate => {
  const data = revision.data as { spec?: { template?: PodTemplate & { $patch?: string } } } | undefined;
  const { $patch: _, ...template } = data?.spec?.template ?? {};
  return template;
};

export const hashOf = (revision: ControllerRevision): string =>
  revision.metadata.labels?.[REVISION_HASH] ?? revision.metadata.name;

/** The revision that holds the template, made or brought to the top if necessary. */
export async function ensureRevision(
  client: Client,
  owner: KubeObject,
  template: PodTemplate,
  known: readonly ControllerRevision[],
): Promise<ControllerRevision> {
  const api = client.resource(controllerRevisions);
  const data = revisionData(template);
  const newest = Math.max(0, ...known.map((r) => r.revision));
  const equal = known.filter((r) => sameValue(r.data, data)).toSorted((a, b) => b.revision - a.revision)[0];
  if (equal !== undefined) {
    return equal.revision === newest ? equal : await api.update({ ...equal, revision: newest + 1 });
  }
  const { namespace } = owner.metadata;
  for (let salt = 0; ; salt++) {
    const hash = shortHash(canonicalText(data) + (salt === 0 ? '' : String(salt)));
    const name = `${owner.metadata.name.slice(0, 223)}-${hash}`;
    try {
      return await api.create({
        apiVersion: 'apps/v1',
        kind: 'ControllerRevision',
        metadata: {
          name,
          ...(namespace === undefined ? {} : { namespace }),
          labels: { ...template.metadata?.labels, [REVISION_HASH]: hash },
          ownerReferences: [controllerReference(owner)],
        },
        data: data as NonNullable<ControllerRevision['data']>,
        revision: newest + 1,
      });
    } catch (e) {
      if (!isAlreadyExists(e)) throw e;
      const existing = await api.get(name, namespace);
      // Made a moment ago by ourselves; otherwise another template has the same hash.
      const ours = existing.metadata.ownerReferences?.some((r) => r.uid === owner.metadata.uid) === true;
      if (ours && sameValue(existing.data, data)) return existing;
    }
  }
}

/** Deletes the oldest revisions that no pod has, beyond the limit. */
export async function forgetRevisions(
  client: Client,
  known: readonly ControllerRevision[],
  inUse: ReadonlySet<string>,
  limit: number,
): Promise<void> {
  const idle = known.filter((r) => !inUse.has(hashOf(r))).toSorted((a, b) => a.revision - b.revision);
  for (const { metadata } of idle.slice(0, Math.max(0, idle.length - limit))) {
    try {
      await client.resource(controllerRevisions).delete(metadata.name, { namespace: metadata.namespace ?? '' });
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  }
}
