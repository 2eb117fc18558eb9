// Which kernel capabilities a container keeps. Pure.

/** What container runtimes grant by default, less MKNOD: a device node would open the host's disk. */
const DEFAULT_CAPABILITIES = [
  'audit_write',
  'chown',
  'dac_override',
  'fowner',
  'fsetid',
  'kill',
  'net_bind_service',
  'net_raw',
  'setfcap',
  'setgid',
  'setpcap',
  'setuid',
  'sys_chroot',
] as const;

const plain = (name: string) => name.toLowerCase().replace(/^cap_/, '');

/** Names as setpriv(1) takes them; 'all' stands for every capability. */
export function containerCapabilities(o: {
  privileged: boolean;
  add: readonly string[];
  drop: readonly string[];
}): readonly string[] | 'all' {
  if (o.privileged) return 'all';
  const drop = o.drop.map(plain);
  const add = o.add.map(plain);
  if (add.includes('all') && drop.length === 0) return 'all';
  const kept = new Set<string>(drop.includes('all') ? [] : DEFAULT_CAPABILITIES);
  for (const name of drop) kept.delete(name);
  for (const name of add) if (name !== 'all') kept.add(name);
  return [...kept].toSorted();
}

/** The argument of `setpriv --bounding-set`. */
export function boundingSet(capabilities: readonly string[] | 'all'): string | undefined {
  if (capabilities === 'all') return undefined;
  return ['-all', ...capabilities.map((c) => `+${c}`)].join(',');
}
