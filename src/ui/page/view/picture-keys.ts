// Arrow keys in the picture: to the nearest mark in that direction. One mark at a time is in the tab order.
const ARROWS: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function moveFocus(event: KeyboardEvent): void {
  const arrow = ARROWS[event.key];
  const from = event.target instanceof Element ? event.target.closest('[data-mark]') : null;
  if (arrow === undefined || from === null) return;
  event.preventDefault();
  const svg = from.closest('svg');
  const [dx, dy] = arrow;
  const here = from.getBoundingClientRect();
  const middle = (box: DOMRect) => ({ x: box.x + box.width / 2, y: box.y + box.height / 2 });
  const start = middle(here);
  let best: { mark: Element; cost: number } | undefined;
  for (const mark of svg?.querySelectorAll('[data-mark]') ?? []) {
    if (mark === from) continue;
    const to = middle(mark.getBoundingClientRect());
    const ahead = (to.x - start.x) * dx + (to.y - start.y) * dy;
    const aside = Math.abs((to.x - start.x) * dy) + Math.abs((to.y - start.y) * dx);
    if (ahead <= 1) continue;
    const cost = ahead + aside * 3;
    if (best === undefined || cost < best.cost) best = { mark, cost };
  }
  if (best?.mark instanceof SVGElement) best.mark.focus();
}

/** Enter and space on a mark do what a click does. */
export const onPress = (act: () => void) => (event: KeyboardEvent) => {
  if (event.key !== 'Enter' && event.key !== ' ') return;
  event.preventDefault();
  event.stopPropagation();
  act();
};
