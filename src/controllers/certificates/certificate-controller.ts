// Approves and signs the certificates of nodes, signs what a human approved, and forgets requests that are over.
import { certificateSigningRequests, nodes, type CertificateSigningRequest } from '../../api/objects.ts';
import type { KubeObject, Resource } from '../../api/objects.ts';
import { certificateValidity, parseCsr, signCsr, type CertificateAndKey, type ParsedCsr } from '../../pki/index.ts';
import { errorText } from '../../errors/index.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { timestamp } from '../runtime/pod-state.ts';
import { startReconciler } from '../runtime/reconciler.ts';
import { judge, NODE_CLIENT_SIGNER, nodeNameOf, SERVING_SIGNER, unsignable } from './node-request.ts';

export interface CertificateOptions {
  readonly ca: CertificateAndKey;
  /** The longest life that is given. @default 365 days */
  readonly longestSeconds?: number | undefined;
}

const DAY_S = 86_400;
const HOUR_MS = 3_600_000;
/** How long a request is kept, as Kubernetes keeps it. */
const KEPT_MS = { decided: HOUR_MS, pending: 24 * HOUR_MS };

type Csr = CertificateSigningRequest;

const has = (csr: Csr, type: string): boolean => (csr.status?.conditions ?? []).some((c) => c.type === type);
const text = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');

/** Only ever created: it answers a question. */
const subjectAccessReviews: Resource<KubeObject & { spec: object; status?: { allowed?: boolean } }> = {
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  singular: 'subjectaccessreview',
  namespaced: false,
};

export function startCertificateController(context: ControllerContext, options: CertificateOptions): Running {
  const { client, informers, clock, log } = context;
  const requests = informers.of(certificateSigningRequests);
  const nodeInformer = informers.of(nodes);
  const api = client.resource(certificateSigningRequests);
  /** Approved by us just now; the informer may not show it yet. */
  const fresh = new Map<string, ParsedCsr>();
  requests.onChange(({ key, after }) => {
    if (after === undefined || has(after, 'Approved')) fresh.delete(key);
    if (after !== undefined) queue.add(key);
  });

  async function may(csr: Csr, subresource: string): Promise<boolean> {
    const { username: user, uid, groups, extra } = csr.spec;
    const resourceAttributes = {
      group: certificateSigningRequests.group,
      resource: certificateSigningRequests.plural,
      verb: 'create',
      version: '*',
      subresource,
    };
    const review = await client.resource(subjectAccessReviews).create({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: {},
      spec: { user, uid, groups, extra, resourceAttributes },
    });
    return review.status?.allowed === true;
  }

  /** Two hosts that join under one name at the same moment: the second has another key. */
  const promised = (csr: Csr, parsed: ParsedCsr): boolean => {
    const earlier = [...requests.items.values()]
      .filter((r) => r.spec.signerName === NODE_CLIENT_SIGNER && has(r, 'Approved') && r !== csr)
      .flatMap((r) => parsedOf(r) ?? []);
    return [...earlier, ...fresh.values()].some(
      (other) => other.subject.cn === parsed.subject.cn && !other.publicKey.equals(parsed.publicKey),
    );
  };

  async function decide(csr: Csr, parsed: ParsedCsr): Promise<void> {
    const verdict = await judge(csr.spec, parsed, {
      node: nodeInformer.items.get(nodeNameOf(parsed)),
      promised: promised(csr, parsed),
      may: (subresource) => may(csr, subresource),
    });
    if (verdict.say === 'leave') return;
    const now = timestamp(clock.now());
    const condition =
      verdict.say === 'approve'
        ? { type: 'Approved', reason: 'AutoApproved', message: verdict.message }
        : { type: 'Denied', reason: verdict.reason, message: verdict.message };
    const conditions = [
      ...(csr.status?.conditions ?? []),
      { ...condition, status: 'True', lastUpdateTime: now, lastTransitionTime: now },
    ];
    if (verdict.say === 'approve' && csr.spec.signerName === NODE_CLIENT_SIGNER) fresh.set(csr.metadata.name, parsed);
    await api.updateSubresource(csr.metadata.name, 'approval', { ...csr, status: { ...csr.status, conditions } });
    log.info('a certificate request was decided', { request: csr.metadata.name, ...condition });
  }

  async function sign(csr: Csr, parsed: ParsedCsr): Promise<void> {
    const why = unsignable(csr.spec, parsed);
    // Other signers are other people's.
    if (why !== undefined && why.endsWith('is not served here')) return;
    if (why !== undefined) return fail(csr, why);
    const longest = options.longestSeconds ?? 365 * DAY_S;
    const seconds = Math.min(csr.spec.expirationSeconds ?? longest, longest);
    const usages = csr.spec.signerName === SERVING_SIGNER ? (['server'] as const) : (['client'] as const);
    const pem = signCsr(options.ca, text(csr.spec.request), {
      usages,
      days: seconds / DAY_S,
      now: new Date(clock.now()),
    });
    const certificate = Buffer.from(pem).toString('base64');
    await api.updateStatus({ ...csr, status: { ...csr.status, certificate } });
    const until = certificateValidity(pem).notAfter.toISOString();
    log.info('a certificate was issued', { request: csr.metadata.name, subject: parsed.subject.cn, until });
  }

  async function fail(csr: Csr, message: string): Promise<void> {
    const now = timestamp(clock.now());
    const failed = { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message };
    const conditions = [...(csr.status?.conditions ?? []), { ...failed, lastUpdateTime: now, lastTransitionTime: now }];
    await api.updateStatus({ ...csr, status: { ...csr.status, conditions } });
  }

  async function reconcile(name: string): Promise<void> {
    const csr = requests.items.get(name);
    if (csr === undefined) return;
    const decided = has(csr, 'Approved') || has(csr, 'Denied');
    const kept = decided ? KEPT_MS.decided : KEPT_MS.pending;
    const due = Date.parse(csr.metadata.creationTimestamp) + kept - clock.now();
    if (due <= 0) {
      const { uid } = csr.metadata;
      return api.delete(name, { preconditions: { uid } });
    }
    queue.addAfter(name, due);
    const parsed = parsedOf(csr);
    if (parsed === undefined) return;
    if (!decided) await decide(csr, parsed);
    else if (has(csr, 'Approved') && !has(csr, 'Failed') && (csr.status?.certificate ?? '') === '') {
      await sign(csr, parsed);
    }
  }

  function parsedOf(csr: Csr): ParsedCsr | undefined {
    try {
      return parseCsr(text(csr.spec.request));
    } catch (error) {
      log.debug('a certificate request cannot be read', { request: csr.metadata.name, error: errorText(error) });
      return undefined;
    }
  }

  const queue = startReconciler(context, {
    name: 'certificate-controller',
    // One at a time: of two requests for one name the second must see that the first was approved.
    workers: 1,
    needs: [requests, nodeInformer],
    reconcile,
  });
  return { stop: () => queue.stop() };
}
