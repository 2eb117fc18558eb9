// What the node's network namespace must allow for pods to be reached. One table, checked at start and at each sync,
// because host tools (systemd-sysctl, firewalls) set such keys back.
import { readSysctl, writeSysctl } from '../linux/index.ts';

interface Rule {
  readonly key: string;
  readonly why: string;
  /** The value to write instead of what is there, or undefined when it is fine. */
  readonly mend: (now: string) => string | undefined;
}

const must = (value: string) => (now: string) => (now === value ? undefined : value);

export function nodeSysctlRules(uplink: string, ipv6: boolean): Rule[] {
  const link = uplink.replaceAll('.', '/');
  const rules: Rule[] = [
    { key: 'net.ipv4.ip_forward', why: 'packets pass from pods to other nodes and back', mend: must('1') },
    // The effective value is the larger of "all" and the link's. Strict filtering drops replies that come over the
    // overlay for connections that left with an underlay address; loose filtering keeps most of its worth.
    {
      key: 'net.ipv4.conf.all.rp_filter',
      why: 'strict filtering drops overlay replies',
      mend: (now) => (now === '1' ? '2' : undefined),
    },
    {
      key: `net.ipv4.conf.${link}.rp_filter`,
      why: 'strict filtering drops overlay replies',
      mend: (now) => (now === '1' ? '2' : undefined),
    },
    // A client outside that sends to a node port would be told to go to the other node directly, past the translation.
    { key: 'net.ipv4.conf.all.send_redirects', why: 'redirects lead clients past the translation', mend: must('0') },
    {
      key: `net.ipv4.conf.${link}.send_redirects`,
      why: 'redirects lead clients past the translation',
      mend: must('0'),
    },
  ];
  if (ipv6) {
    rules.push(
      // A forwarding host ignores router advertisements unless told otherwise; its own default route may come from one.
      {
        key: `net.ipv6.conf.${link}.accept_ra`,
        why: 'keeps the default route',
        mend: (now) => (now === '1' ? '2' : undefined),
      },
      { key: 'net.ipv6.conf.all.forwarding', why: 'packets pass from pods to other nodes and back', mend: must('1') },
    );
  }
  return rules;
}

/** Mends what is not as it must be and returns the keys that were changed. */
export function ensureNodeSysctls(netns: string | undefined, uplink: string, ipv6: boolean): string[] {
  const changed: string[] = [];
  for (const rule of nodeSysctlRules(uplink, ipv6)) {
    const now = readSysctl(netns, rule.key);
    const value = now === undefined ? undefined : rule.mend(now.trim());
    if (value === undefined) continue;
    writeSysctl(netns, rule.key, value);
    changed.push(`${rule.key}=${value}`);
  }
  return changed;
}
