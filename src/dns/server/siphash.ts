// SipHash-2-4 (64-bit result) on 32-bit halves: the keyed hash that RFC 9018 prescribes for DNS cookies.

/** @param key 16 bytes. Returns 8 bytes as a string, little-endian as the algorithm defines. */
export function sipHash24(key: Uint8Array, input: string): string {
  const k = new DataView(key.buffer, key.byteOffset, 16);
  const [k0l, k0h, k1l, k1h] = [
    k.getUint32(0, true),
    k.getUint32(4, true),
    k.getUint32(8, true),
    k.getUint32(12, true),
  ];
  // v0..v3, low half then high half.
  const v = new Uint32Array([
    k0l ^ 0x70736575,
    k0h ^ 0x736f6d65,
    k1l ^ 0x6e646f6d,
    k1h ^ 0x646f7261,
    k0l ^ 0x6e657261,
    k0h ^ 0x6c796765,
    k1l ^ 0x79746573,
    k1h ^ 0x74656462,
  ]);
  const word = (at: number, count: number): number => {
    let out = 0;
    for (let i = 0; i < count; i++) out |= input.charCodeAt(at + i) << (8 * i);
    return out >>> 0;
  };
  const absorb = (low: number, high: number) => {
    v[6] = at(v, 6) ^ low;
    v[7] = at(v, 7) ^ high;
    round(v);
    round(v);
    v[0] = at(v, 0) ^ low;
    v[1] = at(v, 1) ^ high;
  };
  const whole = input.length & ~7;
  for (let i = 0; i < whole; i += 8) absorb(word(i, 4), word(i + 4, 4));
  const rest = input.length - whole;
  const low = word(whole, Math.min(rest, 4));
  const high = rest > 4 ? word(whole + 4, rest - 4) : 0;
  absorb(low, (high | ((input.length & 255) << 24)) >>> 0);
  v[4] = at(v, 4) ^ 0xff;
  for (let i = 0; i < 4; i++) round(v);
  const outLow = at(v, 0) ^ at(v, 2) ^ at(v, 4) ^ at(v, 6);
  const outHigh = at(v, 1) ^ at(v, 3) ^ at(v, 5) ^ at(v, 7);
  const bytes = (n: number) => String.fromCharCode(n & 255, (n >>> 8) & 255, (n >>> 16) & 255, n >>> 24);
  return bytes(outLow) + bytes(outHigh);
}

const at = (v: Uint32Array, i: number): number => v[i] as number;

function add(v: Uint32Array, a: number, b: number): void {
  const low = at(v, a) + at(v, b);
  v[a + 1] = at(v, a + 1) + at(v, b + 1) + (low > 0xffffffff ? 1 : 0);
  v[a] = low;
}

function rotateXor(v: Uint32Array, a: number, bits: number, b: number): void {
  let low = at(v, a);
  let high = at(v, a + 1);
  if (bits >= 32) [low, high] = [high, low];
  const n = bits & 31;
  if (n > 0) [low, high] = [(low << n) | (high >>> (32 - n)), (high << n) | (low >>> (32 - n))];
  v[a] = low ^ at(v, b);
  v[a + 1] = high ^ at(v, b + 1);
}

function swapHalves(v: Uint32Array, a: number): void {
  const low = at(v, a);
  v[a] = at(v, a + 1);
  v[a + 1] = low;
}

function round(v: Uint32Array): void {
  add(v, 0, 2);
  rotateXor(v, 2, 13, 0);
  swapHalves(v, 0);
  add(v, 4, 6);
  rotateXor(v, 6, 16, 4);
  add(v, 0, 6);
  rotateXor(v, 6, 21, 0);
  add(v, 4, 2);
  rotateXor(v, 2, 17, 4);
  swapHalves(v, 4);
}
