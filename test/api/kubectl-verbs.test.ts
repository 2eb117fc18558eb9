// One script of everything people do with kubectl that needs no node, with every kubectl of this machine, from 1.27 on.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { findKubectls, kubectl, type Kubectl } from '../../src/apiserver/testing/kubectl.ts';
import { Golden, type Step } from './golden.ts';
import { ADMIN, startLiveServer, type LiveServer } from './live-server.ts';
import { kubectlScript, staticSuffix } from './kubectl-script.ts';

/** What differs from run to run, and the widths of columns that follow from it. */
function normalise(text: string, namespace: string): string {
  const suffix = staticSuffix(namespace);
  return (
    text
      .replaceAll(namespace, 'NS')
      .replaceAll(`10.96.0.1${suffix}`, 'ADDRESS2')
      .replaceAll(`10.96.0.${suffix}`, 'ADDRESS')
      // oxlint-disable-next-line no-control-regex -- colours
      .replaceAll(/\u001B\[[\d;]*m/g, '')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME')
      .replaceAll(/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, 'TIME')
      .replaceAll(/10\.96\.(?!0\.)\d+\.\d+/g, 'IP')
      .replaceAll(/192\.0\.2\.(12[89]|1[3-9]\d|2\d\d)/g, 'LB')
      .replaceAll(/(127\.0\.0\.1):\d+/g, '$1:PORT')
      .replaceAll(/\b3[0-2]\d\d\d\b/g, 'NODEPORT')
      .replaceAll(/("?resourceVersion"?): "\d+"/g, '$1: "RV"')
      .replaceAll(/kube-api-access-\w{5}/g, 'kube-api-access-HASH')
      .replaceAll(/^(stderr: )?W\d{4} [\d:.]+ +\S+ /gm, 'W ')
      .replaceAll(/\b(web|cip)-[a-z0-9]{5}\b/g, '$1-HASH')
      .replaceAll(/\/tmp\/(LIVE|MERGED)-\d+\/\S+\t\S+ \S+ \S+/g, '/tmp/$1')
      .replaceAll(/\/tmp\/(LIVE|MERGED)-\d+/g, '/tmp/$1')
      .replaceAll(/\b([a-z]+)-[bcdfghjklmnpqrstvwxz2456789]{8,10}(-[bcdfghjklmnpqrstvwxz2456789]{5})?\b/g, '$1-HASH')
      .replaceAll(/pod-template-hash=\w+/g, 'pod-template-hash=HASH')
      // Nodes of the other transcripts come and go.
      .replaceAll(/(?<=default-scheduler +)(no nodes available|\d+\/\d+ nodes are available).*/g, 'WHY')
      .replaceAll(/eyJ[\w.-]+/g, 'TOKEN')
      .replaceAll(/(?<=\s)(<invalid>|(\d+[smh])+)(?=\s|$)/g, 'AGE')
      .replaceAll(/(?<=\S) {2,}/g, '   ')
      .replaceAll(/[ \t]+$/gm, '')
      .replaceAll(/^-{5,}$/gm, '-----')
      // What the scheduler says changes with those nodes, and it may have said it more than once.
      .replaceAll(/^( +Warning +FailedScheduling +AGE)( \(x\d+ over \w+\))?( +default-scheduler +WHY)$/gm, '$1$3')
      .replaceAll(/^( +Warning +FailedScheduling .*)(\n\1)+$/gm, '$1')
  );
}

async function transcript(k: Kubectl, namespace: string): Promise<Step[]> {
  const steps: Step[] = [];
  const runs = new Map<string, number>();
  for (const { args, input, sorted } of kubectlScript(namespace)) {
    const { code, stdout, stderr } = await k.run(args, input);
    const printed = normalise(stdout, namespace).trimEnd();
    const shown = sorted === true ? printed.split('\n').toSorted().join('\n') : printed;
    const failed = normalise(stderr, namespace).trimEnd();
    const command = normalise(args.map((a) => (/[\s{}"$*]/.test(a) ? `'${a}'` : a)).join(' '), namespace);
    const line = input === undefined ? command : `${command} <<< ${JSON.stringify(normalise(input, namespace))}`;
    const times = (runs.get(line) ?? 0) + 1;
    runs.set(line, times);
    steps.push({
      command: times === 1 ? line : `${line}   # ${times}`,
      output: [shown, ...(failed === '' ? [] : [`stderr: ${failed}`]), ...(code === 0 ? [] : [`exit ${code}`])]
        .filter((line) => line !== '')
        .join('\n'),
    });
  }
  return steps;
}

async function versionOf(binary: string, kubeconfig: string): Promise<string> {
  using k = kubectl(binary, kubeconfig, 'default');
  const version = JSON.parse(await k.ok(['version', '--client', '-o', 'json'])) as {
    clientVersion: { major: string; minor: string };
  };
  return `${version.clientVersion.major}.${Number.parseInt(version.clientVersion.minor, 10)}`;
}

void describe('kubectl', { concurrency: 2 }, () => {
  let server: LiveServer;
  const golden = new Golden('kubectl');
  const binaries = [...findKubectls().values()];
  before(async () => {
    server = await startLiveServer({ controllers: true });
  });
  after(async () => {
    golden.finish();
    await server[Symbol.asyncDispose]();
  });

  void it('is on this machine', () => assert.ok(binaries.length > 0, 'no kubectl: put one on PATH'));
  for (const [i, binary] of binaries.entries()) {
    void it(`${binary.split('/').at(-1)} does what people ask of it`, async () => {
      const version = await versionOf(binary, server.kubeconfig(ADMIN));
      // Names of one length, so that columns are as wide for all.
      const namespace = `skew-${i}-ns`;
      using k = kubectl(binary, server.kubeconfig(ADMIN), namespace);
      golden.check(version, await transcript(k, namespace));
    });
  }
});
