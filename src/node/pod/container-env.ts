// The environment of a container from all its sources. Pure: maps and secrets are handed in.
import type { core } from '../../api/objects.ts';
import { expand } from './expand.ts';
import { fieldValue, resourceValue, type DownwardFacts } from './downward.ts';

/** Undefined: there is no such object. */
export type Lookup = (name: string) => Readonly<Record<string, string>> | undefined;

export interface EnvSources {
  readonly configMap: Lookup;
  readonly secret: Lookup;
  readonly facts: DownwardFacts;
  readonly services: readonly (readonly [name: string, value: string])[];
  /** Of the image and the runtime: PATH, HOSTNAME. */
  readonly defaults: readonly (readonly [name: string, value: string])[];
}

/** The container cannot start as it is configured; shown as CreateContainerConfigError. */
export class ContainerConfigError extends Error {}

const VARIABLE_NAME = /^[-._a-zA-Z][-._a-zA-Z0-9]*$/;

/** @throws ContainerConfigError */
export function containerEnv(c: core.Container, s: EnvSources): Map<string, string> {
  const own = new Map<string, string>();
  for (const from of c.envFrom ?? []) addAll(own, from, s);
  // Service variables count for $(VAR), but never win over the pod's own.
  const known = new Map([...s.defaults, ...s.services, ...own]);
  for (const e of c.env ?? []) {
    const value = e.valueFrom === undefined ? expand(e.value ?? '', known) : valueFrom(e.valueFrom, c.name, s);
    if (value === undefined) continue;
    own.set(e.name, value);
    known.set(e.name, value);
  }
  return known;
}

function addAll(into: Map<string, string>, from: core.EnvFromSource, s: EnvSources): void {
  const [kind, ref, lookup] =
    from.configMapRef === undefined
      ? (['secret', from.secretRef, s.secret] as const)
      : (['configmap', from.configMapRef, s.configMap] as const);
  if (ref === undefined) return;
  const found = lookup(ref.name ?? '');
  if (found === undefined) {
    if (ref.optional === true) return;
    throw new ContainerConfigError(`${kind} "${ref.name}" not found`);
  }
  for (const [key, value] of Object.entries(found)) {
    const name = `${from.prefix ?? ''}${key}`;
    if (VARIABLE_NAME.test(name)) into.set(name, value);
  }
}

function valueFrom(source: core.EnvVarSource, container: string, s: EnvSources): string | undefined {
  try {
    if (source.fieldRef !== undefined) return fieldValue(source.fieldRef.fieldPath, s.facts);
    if (source.resourceFieldRef !== undefined) return resourceValue(source.resourceFieldRef, container, s.facts);
  } catch (e) {
    throw new ContainerConfigError((e as Error).message, { cause: e });
  }
  const map = source.configMapKeyRef;
  if (map !== undefined) return keyValue('configmap', 'ConfigMap', map, s.configMap, s);
  const secret = source.secretKeyRef;
  if (secret !== undefined) return keyValue('secret', 'Secret', secret, s.secret, s);
  return undefined;
}

function keyValue(
  kind: string,
  title: string,
  ref: { name?: string; key: string; optional?: boolean },
  lookup: Lookup,
  s: EnvSources,
): string | undefined {
  const found = lookup(ref.name ?? '');
  const value = found?.[ref.key];
  if (value !== undefined || ref.optional === true) return value;
  if (found === undefined) throw new ContainerConfigError(`${kind} "${ref.name}" not found`);
  const namespace = s.facts.pod.metadata.namespace ?? 'default';
  throw new ContainerConfigError(`couldn't find key ${ref.key} in ${title} ${namespace}/${ref.name}`);
}
