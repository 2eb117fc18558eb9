// Resource quantities such as 100m, 1.5Gi or 2e3: exact arithmetic on nano units, canonical text.
/** A quantity as a whole number of 10⁻⁹ units and the family of suffix it was written with. */
export interface Quantity {
  readonly nano: bigint;
  readonly format: 'binarySI' | 'decimalSI' | 'decimalExponent';
}

const NANO = 1_000_000_000n;
const decimalExponents: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const binaryPowers: Readonly<Record<string, bigint>> = { Ki: 1n, Mi: 2n, Gi: 3n, Ti: 4n, Pi: 5n, Ei: 6n };
const quantityRegex = /^([+-]?)(\d*)(?:\.(\d*))?(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d+)?$/;

export const quantityFormatText =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** Undefined when the text is no quantity. */
export function parseQuantity(text: string | number): Quantity | undefined {
  const m = quantityRegex.exec(String(text));
  if (m === null) return undefined;
  const [, sign, whole = '', fraction = '', suffix = ''] = m;
  if (whole === '' && fraction === '') return undefined;
  const digits = BigInt(`${whole}${fraction}`);
  const negative = sign === '-';
  let scaled: bigint;
  let format: Quantity['format'] = 'decimalSI';
  const binary = binaryPowers[suffix];
  if (binary !== undefined) {
    format = 'binarySI';
    scaled = divideUp(digits * 1024n ** binary * NANO, 10n ** BigInt(fraction.length));
  } else {
    let exponent = decimalExponents[suffix];
    if (exponent === undefined) {
      format = 'decimalExponent';
      exponent = Number(suffix.slice(1));
      if (Math.abs(exponent) > 40) return undefined;
    }
    const shift = exponent + 9 - fraction.length;
    scaled = shift >= 0 ? digits * 10n ** BigInt(shift) : divideUp(digits, 10n ** BigInt(-shift));
  }
  return { nano: negative ? -scaled : scaled, format };
}

const divideUp = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;

/** -1, 0 or 1; throws on text that is no quantity. */
export function compareQuantities(a: string | number, b: string | number): -1 | 0 | 1 {
  const x = requireQuantity(a).nano;
  const y = requireQuantity(b).nano;
  return x < y ? -1 : x > y ? 1 : 0;
}

/** As a plain number of units: bytes for memory, cores for cpu. */
export const quantityValue = (text: string | number): number => Number(requireQuantity(text).nano) / 1e9;

function requireQuantity(text: string | number): Quantity {
  const q = parseQuantity(text);
  if (q === undefined) throw new Error(`${JSON.stringify(text)} is no quantity: ${quantityFormatText}`);
  return q;
}

/** The canonical text: as few digits as possible, no fraction, the largest suffix that is exact. */
export function formatQuantity(q: Quantity): string {
  if (q.nano === 0n) return '0';
  const sign = q.nano < 0n ? '-' : '';
  const nano = q.nano < 0n ? -q.nano : q.nano;
  if (q.format === 'binarySI' && nano % NANO === 0n && nano / NANO >= 1024n) {
    let value = nano / NANO;
    let power = 0;
    while (power < 6 && value % 1024n === 0n) {
      value /= 1024n;
      power++;
    }
    return `${sign}${value}${power === 0 ? '' : `${'KMGTPE'.charAt(power - 1)}i`}`;
  }
  let value = nano;
  let exponent = -9;
  while (exponent < 18 && value % 1000n === 0n) {
    value /= 1000n;
    exponent += 3;
  }
  if (q.format === 'decimalExponent') return `${sign}${value}${exponent === 0 ? '' : `e${exponent}`}`;
  return `${sign}${value}${'num kMGTPE'.charAt((exponent + 9) / 3).trim()}`;
}

/** The canonical form of a quantity's text; the text itself when it is no quantity. */
export function canonicalQuantity(text: string | number): string {
  const q = parseQuantity(text);
  return q === undefined ? String(text) : formatQuantity(q);
}
