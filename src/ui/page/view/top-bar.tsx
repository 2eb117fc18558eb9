import { connection, facts, topology } from '../state/live.ts';
import { density, namespace, namespaces, query, route, shownDensity, shownPods, theme } from '../state/view.ts';
import type { Theme } from '../state/view.ts';
import { SEARCH_ID } from './page-keys.ts';

const STATES = { opening: 'connecting', live: 'live', lost: 'connection lost, trying again' } as const;
const NEXT_THEME: Readonly<Record<Theme, Theme>> = { auto: 'light', light: 'dark', dark: 'auto' };
const THEME_SIGN: Readonly<Record<Theme, string>> = { auto: '◐', light: '☀', dark: '☾' };

export function TopBar() {
  return (
    <header class="top">
      <a class="brand" href="#/" aria-label="Portico, back to the picture">
        <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
          <path d="M3 11 16 3l13 8v2H3zM5 15h3v11H5zm6.3 0h3v11h-3zm6.4 0h3v11h-3zM24 15h3v11h-3zM3 27h26v2H3z" />
        </svg>
        Portico
      </a>
      <span class={`live ${connection.value}`} role="status">
        {facts.value?.cluster ?? ''} <span class="state">{STATES[connection.value]}</span>
      </span>
      {route.value.service === undefined && route.value.object === undefined && <Filters />}
      <button
        type="button"
        class="quiet theme"
        aria-label={`Colours: ${theme.value}. Change`}
        title={`Colours: ${theme.value}`}
        onClick={() => (theme.value = NEXT_THEME[theme.value])}
      >
        {THEME_SIGN[theme.value]}
      </button>
    </header>
  );
}

function Filters() {
  const all = Object.keys(topology.value.pods).length;
  const shown = shownPods.value.length;
  return (
    <search class="filters">
      <input
        id={SEARCH_ID}
        type="search"
        placeholder="Search pods, services, addresses  ( / )"
        aria-label="Search pods, services and addresses"
        value={query.value}
        onInput={(event) => (query.value = event.currentTarget.value)}
      />
      <select
        aria-label="Namespace"
        value={namespace.value}
        onChange={(event) => (namespace.value = event.currentTarget.value)}
      >
        <option value="">all namespaces</option>
        {namespaces.value.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <button
        type="button"
        class="quiet"
        aria-pressed={shownDensity.value === 'dots'}
        title="Draw pods as dots, grouped by workload"
        onClick={() => (density.value = shownDensity.value === 'dots' ? 'cards' : 'dots')}
      >
        Group
      </button>
      <span class="count">{shown === all ? `${all} pods` : `${shown} of ${all} pods`}</span>
    </search>
  );
}
