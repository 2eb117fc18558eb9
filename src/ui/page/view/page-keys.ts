// Keys that work anywhere on the page, except while something is typed.
import { clearTrace, goTo, playOrPause, reached, rows } from '../state/trace.ts';
import { query, selected } from '../state/view.ts';

export const SEARCH_ID = 'search';

export function onPageKey(event: KeyboardEvent): void {
  const from = event.target instanceof HTMLElement || event.target instanceof SVGElement ? event.target : undefined;
  const typing = from instanceof HTMLInputElement || from instanceof HTMLSelectElement;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'Escape') {
    if (from?.id === SEARCH_ID && query.value !== '') query.value = '';
    else if (selected.value !== undefined) selected.value = undefined;
    else clearTrace();
    return;
  }
  if (typing) return;
  const walking = rows.value.length > 0;
  if (event.key === '/') document.getElementById(SEARCH_ID)?.focus();
  else if (walking && event.key === 'p') playOrPause();
  else if (walking && event.key === ',') goTo(reached.value - 1);
  else if (walking && event.key === '.') goTo(reached.value + 1);
  else return;
  event.preventDefault();
}
