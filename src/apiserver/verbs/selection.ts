// Which objects a list or watch is about.
import { checkFieldSelector, type FieldSelector, type KubeObject, type LabelSelectorMatcher } from '../../api/index.ts';

export interface Selection {
  /** True when nothing is asked: objects need not be looked into. */
  readonly all: boolean;
  /** Set when only one name can match. */
  readonly exactName: string | undefined;
  matches(object: KubeObject): boolean;
  /** False only where the stored text alone shows that the object cannot match: it then need not be parsed. */
  mayMatch(text: string): boolean;
}

/** What every node agent asks for: without a look at the text each of them makes the server parse the pods of all. */
const NODE_FIELD = 'spec.nodeName';

export type FieldsOf = (object: KubeObject) => Readonly<Record<string, string>>;

/** @throws StatusError 400 for a field the kind does not offer. */
export function selectionOf(
  labels: LabelSelectorMatcher | undefined,
  fields: FieldSelector | undefined,
  fieldsOf: FieldsOf,
  name = '',
): Selection {
  if (fields !== undefined) checkFieldSelector(fields, fieldsOf(EMPTY));
  const node = fields?.requirements.find((r) => r.field === NODE_FIELD && r.operator === '=' && r.value !== '')?.value;
  const quoted = node === undefined ? undefined : JSON.stringify(node);
  const exactName = name === '' ? fields?.exactName : name;
  return {
    all: labels === undefined && fields === undefined && name === '',
    exactName,
    mayMatch: (text) => quoted === undefined || text.includes(quoted),
    matches: (object) =>
      (name === '' || object.metadata.name === name) &&
      (labels === undefined || labels.matches(object.metadata.labels)) &&
      (fields === undefined || fields.matches(fieldsOf(object))),
  };
}

/** Has every field at its empty value: what a kind offers can be asked of it. */
const EMPTY: KubeObject = {
  apiVersion: '',
  kind: '',
  metadata: { name: '', uid: '', resourceVersion: '', creationTimestamp: '' },
};
