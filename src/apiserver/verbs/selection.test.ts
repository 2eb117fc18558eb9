// What the stored text rules out, the object does not match either.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseFieldSelector, type KubeObject } from '../../api/index.ts';
import { storedText } from '../objects/stored-value.ts';
import { selectionOf } from './selection.ts';

const fieldsOf = (object: KubeObject) => ({
  'metadata.name': object.metadata.name,
  'spec.nodeName': (object as { spec?: { nodeName?: string } }).spec?.nodeName ?? '',
});

test('mayMatch() is never false for an object that matches, and spares the others', () => {
  const name = fc.constantFrom('a', 'ab', 'node-1', 'node-12', 'ü"\\', '');
  let spared = 0;
  fc.assert(
    fc.property(name, name, name, fc.constantFrom('=', '!='), (node, label, asked, operator) => {
      const value = asked.replaceAll(/[\\,=]/g, (c) => `\\${c}`);
      const selection = selectionOf(undefined, parseFieldSelector(`spec.nodeName${operator}${value}`), fieldsOf);
      const metadata = { name: 'p', uid: '', resourceVersion: '', creationTimestamp: '', labels: { label } };
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { nodeName: node } } as KubeObject;
      const may = selection.mayMatch(storedText(pod));
      if (!may) spared += 1;
      assert.ok(may || !selection.matches(pod));
    }),
    { numRuns: 500 },
  );
  assert.ok(spared > 50, `${spared} were not parsed`);
});
