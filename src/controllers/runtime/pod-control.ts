// Creates and deletes the pods of a controller, and tells about it in events.
import { StatusError, isNotFound, pods } from '../../api/objects.ts';
import type { KubeObject, Pod, core } from '../../api/objects.ts';
import type { Client, EventRecorder } from '../../client/index.ts';
import { controllerReference } from './owners.ts';

export type PodTemplate = core.PodTemplateSpec;

export interface PodControl {
  /** `prefix`: what the generated name begins with, the owner's name unless given. */
  create(owner: KubeObject, template: PodTemplate, prefix?: string): Promise<Pod>;
  delete(owner: KubeObject, pod: Pod): Promise<void>;
}

/** The namespace goes away: nothing can be created there, and trying again makes no sense. */
export function isNamespaceTerminating(e: unknown): boolean {
  if (!(e instanceof StatusError)) return false;
  return e.status.details?.causes?.some((c) => c.reason === 'NamespaceTerminating') === true;
}

export function createPodControl(client: Client, recorder: EventRecorder): PodControl {
  const api = client.resource(pods);
  return {
    async create(owner, template, prefix = `${owner.metadata.name}-`) {
      const { labels, annotations, finalizers } = template.metadata ?? {};
      try {
        const pod = await api.create({
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: {
            generateName: prefix,
            ...(owner.metadata.namespace === undefined ? {} : { namespace: owner.metadata.namespace }),
            ...(labels === undefined ? {} : { labels }),
            ...(annotations === undefined ? {} : { annotations }),
            ...(finalizers === undefined ? {} : { finalizers }),
            ownerReferences: [controllerReference(owner)],
          },
          ...(template.spec === undefined ? {} : { spec: template.spec }),
        });
        recorder.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
        return pod;
      } catch (e) {
        if (!isNamespaceTerminating(e)) {
          recorder.event(owner, 'Warning', 'FailedCreate', `Error creating: ${messageOf(e)}`);
        }
        throw e;
      }
    },
    async delete(owner, pod) {
      const { name, namespace, uid } = pod.metadata;
      try {
        await api.delete(name, { ...(namespace === undefined ? {} : { namespace }), preconditions: { uid } });
      } catch (e) {
        if (isNotFound(e)) return;
        recorder.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(e)}`);
        throw e;
      }
      recorder.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    },
  };
}

export const messageOf = (e: unknown): string => (e instanceof Error ? e.message : String(e));
