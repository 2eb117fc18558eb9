// May a certificate signing request be approved without a human? Only what a node may have: a client certificate in
// its own name, and a serving certificate for its own name and addresses. Pure.
import type { CertificateSigningRequest, Node } from '../../api/objects.ts';
import { canonicalIp } from '../../ip/index.ts';
import type { ParsedCsr } from '../../pki/index.ts';

export const NODE_CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client-kubelet';
export const SERVING_SIGNER = 'kubernetes.io/kubelet-serving';
export const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';

const NODE_USER = 'system:node:';
const NODE_GROUP = 'system:nodes';

/** Usages each signer gives: all of `must`, and none but those and `may`. */
const USAGES: Readonly<Record<string, { must: readonly string[]; may: readonly string[] }>> = {
  [NODE_CLIENT_SIGNER]: { must: ['digital signature', 'client auth'], may: ['key encipherment'] },
  [SERVING_SIGNER]: { must: ['digital signature', 'server auth'], may: ['key encipherment'] },
  [CLIENT_SIGNER]: { must: ['client auth'], may: ['digital signature', 'key encipherment'] },
};

type Spec = Pick<CertificateSigningRequest['spec'], 'signerName' | 'usages' | 'username' | 'groups'>;

/** Why the signer must not sign this, as a sentence; undefined when it may. Holds whoever approved. */
export function unsignable(spec: Spec, csr: ParsedCsr): string | undefined {
  const wanted = USAGES[spec.signerName];
  if (wanted === undefined) return `signer ${spec.signerName} is not served here`;
  const usages = spec.usages ?? [];
  const all = [...wanted.must, ...wanted.may];
  if (!wanted.must.every((u) => usages.includes(u)) || !usages.every((u) => all.includes(u))) {
    return `usages must be ${wanted.must.join(' and ')}, besides at most ${wanted.may.join(', ')}`;
  }
  const { cn, orgs } = csr.subject;
  const sans = [...csr.dnsNames, ...csr.ips];
  if (spec.signerName === CLIENT_SIGNER) {
    return orgs.includes('system:masters') ? 'system:masters is not given away by certificates' : undefined;
  }
  if (orgs.length !== 1 || orgs[0] !== NODE_GROUP) return `the organization must be ${NODE_GROUP} and nothing else`;
  if (!cn.startsWith(NODE_USER) || cn === NODE_USER) return `the common name must be ${NODE_USER}NAME`;
  if (spec.signerName === NODE_CLIENT_SIGNER) {
    return sans.length > 0 ? 'a client certificate has no alternative names' : undefined;
  }
  if (sans.length === 0) return 'a serving certificate needs at least one name or address';
  return spec.username === cn ? undefined : `only ${cn} itself may ask for its serving certificate`;
}

export type Verdict =
  | { readonly say: 'approve'; readonly message: string }
  | { readonly say: 'deny'; readonly reason: string; readonly message: string }
  /** For a human to decide. */
  | { readonly say: 'leave' };

export interface ApprovalFacts {
  /** The Node of the name that is asked for. */
  readonly node: Node | undefined;
  /** A client certificate for this name went to somebody with another key a short time ago. */
  readonly promised: boolean;
  /** May the requester have such a certificate approved by itself? Kubernetes asks for these by virtual subresources. */
  readonly may: (subresource: 'nodeclient' | 'selfnodeclient') => Promise<boolean>;
}

export const nodeNameOf = (csr: ParsedCsr): string =>
  csr.subject.cn.startsWith(NODE_USER) ? csr.subject.cn.slice(NODE_USER.length) : '';

export async function judge(spec: Spec, csr: ParsedCsr, facts: ApprovalFacts): Promise<Verdict> {
  if (spec.signerName !== NODE_CLIENT_SIGNER && spec.signerName !== SERVING_SIGNER) return { say: 'leave' };
  const why = unsignable(spec, csr);
  if (why !== undefined) return { say: 'deny', reason: 'NotForNodes', message: why };
  const name = nodeNameOf(csr);
  const isSelf = spec.username === csr.subject.cn && (spec.groups ?? []).includes(NODE_GROUP);
  if (spec.signerName === SERVING_SIGNER) return judgeServing(csr, name, facts.node);
  if (isSelf) {
    if (!(await facts.may('selfnodeclient'))) return { say: 'leave' };
    return { say: 'approve', message: 'the node renews its own client certificate' };
  }
  if (!(await facts.may('nodeclient'))) return { say: 'leave' };
  // Whoever holds a token must not become a node that is there already.
  if (facts.node !== undefined) {
    return { say: 'deny', reason: 'NameTaken', message: `a node named ${name} is in the cluster already` };
  }
  if (facts.promised) {
    return { say: 'deny', reason: 'NameTaken', message: `another host is just joining under the name ${name}` };
  }
  return { say: 'approve', message: 'a host joins by a bootstrap token' };
}

function judgeServing(csr: ParsedCsr, name: string, node: Node | undefined): Verdict {
  const deny = (message: string): Verdict => ({ say: 'deny', reason: 'NotItsOwn', message });
  if (node === undefined) return deny(`there is no node ${name}`);
  // An IPv6 address has many spellings.
  const canonical = (address: string) => canonicalIp(address) ?? address;
  const addresses = new Set((node.status?.addresses ?? []).map((a) => canonical(a.address)));
  const names = new Set([
    name,
    ...(node.status?.addresses ?? []).filter((a) => a.type === 'Hostname').map((a) => a.address),
  ]);
  const foreign = [
    ...csr.dnsNames.filter((n) => !names.has(n)),
    ...csr.ips.filter((ip) => !addresses.has(canonical(ip))),
  ];
  if (foreign.length > 0) return deny(`${foreign.join(', ')}: not in the status of node ${name}`);
  return { say: 'approve', message: 'names and addresses are those of the node' };
}
