// What the doctor finds: one row a check, the sound ones included. Pure.

/** A setting that is safe to put right inside a namespace of our own. */
export type Fix =
  | { readonly kind: 'sysctl'; readonly sysctl: string; readonly value: string }
  | { readonly kind: 'mtu'; readonly device: string; readonly mtu: number };

export interface Finding {
  readonly level: 'ok' | 'warn' | 'fail';
  readonly check: string;
  readonly where: string;
  readonly what: string;
  /** What to do about it. */
  readonly mend?: string;
  readonly fixes?: readonly Fix[];
}

export const ok = (where: string, check: string, what: string): Finding => ({ level: 'ok', where, check, what });

export const fixText = (fix: Fix): string =>
  fix.kind === 'sysctl' ? `${fix.sysctl} is ${fix.value} now` : `the MTU of ${fix.device} is ${fix.mtu} now`;

export function formatFindings(findings: readonly Finding[]): string {
  const lines = findings.map(({ level, where, check, what, mend }) => {
    return `${level.padEnd(4)} ${where}: ${check}: ${what}${mend === undefined || level === 'ok' ? '' : `\n     to mend: ${mend}`}`;
  });
  return `${lines.join('\n')}\n`;
}
