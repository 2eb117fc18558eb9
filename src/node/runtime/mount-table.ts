// Mounts as lines of fstab(5), so that one `mount -a` makes them all. Pure.

export interface MountEntry {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly options: readonly string[];
}

const OCTAL: Readonly<Record<string, string>> = {
  ' ': '\\040',
  '\t': '\\011',
  '\n': '\\012',
  '\\': '\\134',
  '#': '\\043',
};

function field(text: string): string {
  return text.replace(/[ \t\n\\#]/g, (c) => OCTAL[c] ?? c);
}

/** @example formatMountTable([{ source: 'proc', target: '/proc', type: 'proc', options: ['nosuid'] }]) */
export function formatMountTable(entries: readonly MountEntry[]): string {
  return entries
    .map((e) => `${field(e.source)} ${field(e.target)} ${e.type} ${field(e.options.join(',')) || 'defaults'} 0 0\n`)
    .join('');
}

export function bind(source: string, target: string, readOnly: boolean): MountEntry {
  return { source, target, type: 'none', options: readOnly ? ['rbind', 'ro'] : ['rbind'] };
}
