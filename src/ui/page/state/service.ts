// One Service's page: what the server read, and the running shares of its endpoints.
import { effect, signal } from '@preact/signals';

import type { ServicePage, ShareSample } from '../../contract.ts';
import { keepRecent } from '../model/share-series.ts';
import { askServer } from './live.ts';
import { route } from './view.ts';

export const page = signal<ServicePage | undefined>(undefined);
export const pageFailure = signal('');
export const reading = signal(false);
export const samples = signal<readonly ShareSample[]>([]);
/** How far back the plot goes. */
export const PLOT_SECONDS = 90;

export async function readPage(): Promise<void> {
  const key = route.value.service;
  if (key === undefined) return;
  reading.value = true;
  pageFailure.value = '';
  try {
    const path = key.split('/').map(encodeURIComponent).join('/');
    const got = await askServer<ServicePage>(`api/inspect/service/${path}`);
    if (route.value.service === key) page.value = got;
  } catch (e) {
    pageFailure.value = e instanceof Error ? e.message : String(e);
  } finally {
    reading.value = false;
  }
}

export function startServicePage(): void {
  effect(() => {
    const key = route.value.service;
    page.value = undefined;
    samples.value = [];
    if (key === undefined) return undefined;
    void readPage();
    const stream = new EventSource(`api/shares?service=${encodeURIComponent(key)}`);
    stream.addEventListener('sample', (event) => {
      const next = JSON.parse((event as MessageEvent<string>).data) as ShareSample;
      const began = (samples.peek().at(-1)?.at ?? 0) > next.at;
      samples.value = keepRecent(began ? [] : samples.peek(), next, PLOT_SECONDS);
    });
    return () => stream.close();
  });
}
