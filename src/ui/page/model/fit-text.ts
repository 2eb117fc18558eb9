// Text cut to a width, with the end kept: names of pods differ at their ends. Pure; SVG cannot do it by itself.

/** Width of a character of the page's monospaced face, as a part of its size. */
const ADVANCE = 0.6;

/** @example fitText('nginx-58f75d8f88-28vp2', 90, 11) // 'nginx-…28vp2' */
export function fitText(text: string, width: number, size: number): string {
  const room = Math.floor(width / (size * ADVANCE));
  if (text.length <= room) return text;
  if (room <= 1) return '…';
  const end = Math.min(5, Math.floor((room - 1) / 2));
  return `${text.slice(0, room - 1 - end)}…${end === 0 ? '' : text.slice(-end)}`;
}
