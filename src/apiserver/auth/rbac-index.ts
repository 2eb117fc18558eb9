// Roles and bindings by subject, kept up to date from the store: a request is decided without reading or parsing.
import {
  clusterRoleBindings,
  clusterRoles,
  roleBindings,
  roles,
  type ClusterRole,
  type ClusterRoleBinding,
  type KubeObject,
  type rbac,
  type Role,
  type RoleBinding,
} from '../../api/index.ts';
import { CompactedError, type Change, type Store } from '../../store/index.ts';
import { storedObject } from '../objects/stored-object.ts';
import { keyPrefix } from '../objects/storage-key.ts';
import type { User } from '../contract.ts';

export type Rule = rbac.PolicyRule;

/** A role that a subject holds, through one binding. */
export interface Grant {
  readonly rules: readonly Rule[];
  /** For messages: `ClusterRoleBinding "x" of ClusterRole "y"`. */
  readonly source: string;
}

interface Binding {
  /** '' for a ClusterRoleBinding. */
  readonly namespace: string;
  readonly roleKey: string;
  readonly subjects: readonly string[];
  readonly source: string;
}

const SOURCES = [clusterRoles, clusterRoleBindings, roles, roleBindings];

export class RbacIndex {
  readonly #rules = new Map<string, readonly Rule[]>();
  readonly #bindings = new Map<string, Binding>();
  /** `User:x`, `Group:x`, `ServiceAccount:ns:x` → keys of bindings. */
  readonly #bySubject = new Map<string, Set<string>>();

  /** Reads everything once; the index follows the store until the signal aborts. */
  async start(store: Store, signal: AbortSignal, onError: (error: unknown) => void): Promise<void> {
    await Promise.all(SOURCES.map((resource) => this.#follow(store, keyPrefix(resource), signal, onError)));
  }

  /** What the user holds for a namespace: grants for the cluster and those of the namespace ('' for none). */
  *grants(user: User, namespace: string): Generator<Grant> {
    const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user.name);
    const subjects = [`User:${user.name}`, ...user.groups.map((g) => `Group:${g}`)];
    if (account !== null) subjects.push(`ServiceAccount:${account[1]}:${account[2]}`);
    for (const subject of subjects) {
      for (const key of this.#bySubject.get(subject) ?? []) {
        const binding = this.#bindings.get(key);
        if (binding === undefined || (binding.namespace !== '' && binding.namespace !== namespace)) continue;
        const rules = this.#rules.get(binding.roleKey);
        if (rules !== undefined) yield { rules, source: binding.source };
      }
    }
  }

  /** The rules of a role, for the escalation check; undefined when it does not exist. */
  rulesOf(kind: string, namespace: string, name: string): readonly Rule[] | undefined {
    return this.#rules.get(roleKey(kind, namespace, name));
  }

  async #follow(store: Store, prefix: string, signal: AbortSignal, onError: (e: unknown) => void): Promise<void> {
    const page = await store.list(prefix);
    for (const entry of page.entries) this.#set(entry.key, storedObject(entry).object);
    void this.#watch(store, prefix, page.revision, signal, onError);
  }

  async #watch(
    store: Store,
    prefix: string,
    after: number,
    signal: AbortSignal,
    onError: (e: unknown) => void,
  ): Promise<void> {
    try {
      for await (const batch of store.watch({ prefix, after }, signal)) for (const change of batch) this.#apply(change);
    } catch (error) {
      if (!(error instanceof CompactedError)) return onError(error);
      // Fell behind: read everything again. What went away meanwhile must go here as well.
      const page = await store.list(prefix);
      const present = new Set(page.entries.map((e) => e.key));
      for (const key of [...this.#rules.keys(), ...this.#bindings.keys()]) {
        if (key.startsWith(prefix) && !present.has(key)) this.#remove(key);
      }
      for (const entry of page.entries) this.#set(entry.key, storedObject(entry).object);
      void this.#watch(store, prefix, page.revision, signal, onError);
    }
  }

  #apply(change: Change): void {
    if (change.entry === undefined) this.#remove(change.key);
    else this.#set(change.key, storedObject(change.entry).object);
  }

  #set(key: string, object: KubeObject): void {
    this.#remove(key);
    if (object.kind === 'Role' || object.kind === 'ClusterRole') {
      this.#rules.set(key, (object as Role | ClusterRole).rules ?? []);
      return;
    }
    const { metadata, roleRef, subjects = [] } = object as RoleBinding | ClusterRoleBinding;
    const namespace = metadata.namespace ?? '';
    const binding: Binding = {
      namespace,
      roleKey: roleKey(roleRef.kind, namespace, roleRef.name),
      subjects: subjects.map((s) =>
        s.kind === 'ServiceAccount' ? `ServiceAccount:${s.namespace ?? namespace}:${s.name}` : `${s.kind}:${s.name}`,
      ),
      source: `${object.kind} "${namespace === '' ? '' : `${namespace}/`}${metadata.name}" of ${roleRef.kind} "${roleRef.name}"`,
    };
    this.#bindings.set(key, binding);
    for (const subject of binding.subjects) {
      const keys = this.#bySubject.get(subject) ?? new Set();
      keys.add(key);
      this.#bySubject.set(subject, keys);
    }
  }

  #remove(key: string): void {
    this.#rules.delete(key);
    const binding = this.#bindings.get(key);
    if (binding === undefined) return;
    this.#bindings.delete(key);
    for (const subject of binding.subjects) {
      const keys = this.#bySubject.get(subject);
      keys?.delete(key);
      if (keys?.size === 0) this.#bySubject.delete(subject);
    }
  }
}

const roleKey = (kind: string, namespace: string, name: string): string =>
  kind === 'ClusterRole' ? `${keyPrefix(clusterRoles)}${name}` : `${keyPrefix(roles, namespace)}${name}`;
