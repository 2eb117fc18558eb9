// The Pod Security Standards: what a pod may not ask for at each level. Pure; texts as Kubernetes writes them.
import type { core } from '../../api/index.ts';

export type SecurityLevel = 'privileged' | 'baseline' | 'restricted';

type Context = core.SecurityContext;
type Named = { readonly name: string; readonly securityContext?: Context; readonly ports?: core.ContainerPort[] };

interface Check {
  readonly level: 'baseline' | 'restricted';
  /** One text when the pod violates it. */
  run(spec: core.PodSpec, containers: readonly Named[]): string | undefined;
}

const BASELINE_CAPABILITIES: ReadonlySet<string> = new Set(
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'.split(
    ' ',
  ),
);
const SAFE_SYSCTLS: ReadonlySet<string> = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_syncookies',
]);
const RESTRICTED_VOLUMES: ReadonlySet<string> = new Set(
  'configMap csi downwardAPI emptyDir ephemeral persistentVolumeClaim projected secret'.split(' '),
);

const quoted = (names: readonly string[]): string => names.map((n) => JSON.stringify(n)).join(', ');
const plural = (names: readonly string[], one: string): string =>
  `${one}${names.length === 1 ? '' : 's'} ${quoted(names)}`;
const namesOf = (containers: readonly Named[], bad: (c: Named) => boolean): string[] =>
  containers.filter(bad).map((c) => c.name);

function offenders(pod: boolean, containers: readonly string[]): string {
  const parts = [...(pod ? ['pod'] : []), ...(containers.length === 0 ? [] : [plural(containers, 'container')])];
  return parts.join(' and ');
}

const checks: readonly Check[] = [
  {
    level: 'baseline',
    run(spec) {
      const used = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((f) => spec[f] === true);
      return used.length === 0 ? undefined : `host namespaces (${used.map((f) => `${f}=true`).join(', ')})`;
    },
  },
  {
    level: 'baseline',
    run(_spec, containers) {
      const bad = namesOf(containers, (c) => c.securityContext?.privileged === true);
      return bad.length === 0
        ? undefined
        : `privileged (${plural(bad, 'container')} must not set securityContext.privileged=true)`;
    },
  },
  {
    level: 'baseline',
    run(_spec, containers) {
      const added = (c: Named) =>
        (c.securityContext?.capabilities?.add ?? []).filter((a) => !BASELINE_CAPABILITIES.has(a));
      const bad = namesOf(containers, (c) => added(c).length > 0);
      if (bad.length === 0) return undefined;
      const list = [...new Set(containers.flatMap(added))].sort();
      return `non-default capabilities (${plural(bad, 'container')} must not include ${quoted(list)} in securityContext.capabilities.add)`;
    },
  },
  {
    level: 'baseline',
    run(spec) {
      const bad = (spec.volumes ?? []).filter((v) => v.hostPath !== undefined).map((v) => v.name);
      return bad.length === 0 ? undefined : `hostPath volumes (${plural(bad, 'volume')})`;
    },
  },
  {
    level: 'baseline',
    run(_spec, containers) {
      const ports = (c: Named) => (c.ports ?? []).flatMap((p) => ((p.hostPort ?? 0) === 0 ? [] : [p.hostPort ?? 0]));
      const bad = namesOf(containers, (c) => ports(c).length > 0);
      if (bad.length === 0) return undefined;
      const list = [...new Set(containers.flatMap(ports))].sort((a, b) => a - b);
      return `hostPort (${plural(bad, 'container')} ${bad.length === 1 ? 'uses' : 'use'} hostPort${list.length === 1 ? '' : 's'} ${list.join(', ')})`;
    },
  },
  {
    level: 'baseline',
    run(_spec, containers) {
      const odd = (c: Named) => (c.securityContext?.procMount ?? 'Default') !== 'Default';
      const bad = namesOf(containers, odd);
      return bad.length === 0
        ? undefined
        : `procMount (${plural(bad, 'container')} must not set securityContext.procMount to "Unmasked")`;
    },
  },
  {
    level: 'baseline',
    run(spec, containers) {
      const pod = spec.securityContext?.seccompProfile?.type === 'Unconfined';
      const bad = namesOf(containers, (c) => c.securityContext?.seccompProfile?.type === 'Unconfined');
      if (!pod && bad.length === 0) return undefined;
      return `seccompProfile (${offenders(pod, bad)} must not set securityContext.seccompProfile.type to "Unconfined")`;
    },
  },
  {
    level: 'baseline',
    run(spec) {
      const bad = (spec.securityContext?.sysctls ?? []).map((s) => s.name).filter((n) => !SAFE_SYSCTLS.has(n));
      return bad.length === 0 ? undefined : `forbidden sysctls (${bad.join(', ')})`;
    },
  },
  {
    level: 'restricted',
    run(_spec, containers) {
      const bad = namesOf(containers, (c) => c.securityContext?.allowPrivilegeEscalation !== false);
      if (bad.length === 0) return undefined;
      return `allowPrivilegeEscalation != false (${plural(bad, 'container')} must set securityContext.allowPrivilegeEscalation=false)`;
    },
  },
  {
    level: 'restricted',
    run(_spec, containers) {
      const drops = (c: Named) => (c.securityContext?.capabilities?.drop ?? []).includes('ALL');
      const adds = (c: Named) => (c.securityContext?.capabilities?.add ?? []).filter((a) => a !== 'NET_BIND_SERVICE');
      const undropped = namesOf(containers, (c) => !drops(c));
      const adding = namesOf(containers, (c) => adds(c).length > 0);
      const texts = [
        ...(undropped.length === 0
          ? []
          : [`${plural(undropped, 'container')} must set securityContext.capabilities.drop=["ALL"]`]),
        ...(adding.length === 0
          ? []
          : [
              `${plural(adding, 'container')} must not include ${quoted([...new Set(containers.flatMap(adds))])} in securityContext.capabilities.add`,
            ]),
      ];
      return texts.length === 0 ? undefined : `unrestricted capabilities (${texts.join('; ')})`;
    },
  },
  {
    level: 'restricted',
    run(spec) {
      const typeOf = (v: core.Volume) => Object.keys(v).find((k) => k !== 'name') ?? '';
      const bad = (spec.volumes ?? []).filter((v) => !RESTRICTED_VOLUMES.has(typeOf(v)));
      if (bad.length === 0) return undefined;
      const kinds = [...new Set(bad.map(typeOf))];
      const what = `restricted volume type${kinds.length === 1 ? '' : 's'} ${quoted(kinds)}`;
      return `restricted volume types (${plural(
        bad.map((v) => v.name),
        'volume',
      )} ${bad.length === 1 ? 'uses' : 'use'} ${what})`;
    },
  },
  {
    level: 'restricted',
    run(spec, containers) {
      const pod = spec.securityContext?.runAsNonRoot;
      const refusing = namesOf(containers, (c) => c.securityContext?.runAsNonRoot === false);
      if (pod === false || refusing.length > 0) {
        return `runAsNonRoot != true (${offenders(pod === false, refusing)} must not set securityContext.runAsNonRoot=false)`;
      }
      const silent = pod === true ? [] : namesOf(containers, (c) => c.securityContext?.runAsNonRoot !== true);
      return silent.length === 0
        ? undefined
        : `runAsNonRoot != true (pod or ${plural(silent, 'container')} must set securityContext.runAsNonRoot=true)`;
    },
  },
  {
    level: 'restricted',
    run(spec, containers) {
      const pod = spec.securityContext?.runAsUser === 0;
      const bad = namesOf(containers, (c) => c.securityContext?.runAsUser === 0);
      return pod || bad.length > 0 ? `runAsUser=0 (${offenders(pod, bad)} must not set runAsUser=0)` : undefined;
    },
  },
  {
    level: 'restricted',
    run(spec, containers) {
      const good = (type: string | undefined) => type === 'RuntimeDefault' || type === 'Localhost';
      const pod = good(spec.securityContext?.seccompProfile?.type);
      const silent = namesOf(containers, (c) => {
        const own = c.securityContext?.seccompProfile?.type;
        return own === undefined ? !pod : !good(own);
      });
      if (silent.length === 0) return undefined;
      return `seccompProfile (pod or ${plural(silent, 'container')} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")`;
    },
  },
];

/** What the pod violates at that level, in the order of the standards; [] when nothing. */
export function podSecurityViolations(spec: core.PodSpec, level: SecurityLevel): string[] {
  if (level === 'privileged') return [];
  const containers: Named[] = [
    ...(spec.initContainers ?? []),
    ...(spec.containers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ];
  return checks
    .filter((check) => level === 'restricted' || check.level === 'baseline')
    .flatMap((check) => check.run(spec, containers) ?? []);
}
