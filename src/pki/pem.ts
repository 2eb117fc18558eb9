// PEM armour (RFC 7468).

/** @example toPem('CERTIFICATE', der) */
export function toPem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** The DER bytes of the first block with this label; throws when there is none. */
export function fromPem(label: string, pem: string): Buffer {
  const begin = `-----BEGIN ${label}-----`;
  const start = pem.indexOf(begin);
  const end = pem.indexOf(`-----END ${label}-----`, start + 1);
  if (start < 0 || end < 0) throw new Error(`no "${label}" block found in the PEM text`);
  return Buffer.from(pem.slice(start + begin.length, end), 'base64');
}
