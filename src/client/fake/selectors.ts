// Selection of the fake client: namespace, labels (`a=b`, `a!=b`, `a`, `!a`) and fields by path (`=`, `!=`).
import type { KubeObject } from '../../api/objects.ts';

interface Selection {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

export function matchesSelectors(object: KubeObject, selection: Selection): boolean {
  if (selection.namespace !== undefined && object.metadata.namespace !== selection.namespace) return false;
  const labels = object.metadata.labels ?? {};
  return (
    terms(selection.labelSelector).every((t) => matches(t, (key) => labels[key])) &&
    terms(selection.fieldSelector).every((t) => matches(t, (path) => fieldAt(object, path) ?? ''))
  );
}

const terms = (selector: string | undefined): string[] => (selector ?? '').split(',').filter((t) => t !== '');

function matches(term: string, read: (key: string) => string | undefined): boolean {
  const unequal = term.indexOf('!=');
  if (unequal > 0) return read(term.slice(0, unequal)) !== term.slice(unequal + 2);
  const equal = term.indexOf('=');
  if (equal > 0) return read(term.slice(0, equal)) === term.slice(equal + 1).replace(/^=/, '');
  return term.startsWith('!') ? read(term.slice(1)) === undefined : read(term) !== undefined;
}

function fieldAt(object: unknown, path: string): string | undefined {
  let value: unknown = object;
  for (const step of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[step];
  return value === undefined ? undefined : typeof value === 'string' ? value : JSON.stringify(value);
}
