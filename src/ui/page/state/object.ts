// The page of one pod or node: what the server read.
import { effect, signal } from '@preact/signals';

import type { ObjectPage } from '../../contract.ts';
import { askServer } from './live.ts';
import { route } from './view.ts';

export const objectPage = signal<ObjectPage | undefined>(undefined);
export const objectFailure = signal('');
export const readingObject = signal(false);

export async function readObjectPage(): Promise<void> {
  const { object } = route.value;
  if (object === undefined) return;
  readingObject.value = true;
  objectFailure.value = '';
  try {
    const path = object.key.split('/').map(encodeURIComponent).join('/');
    const got = await askServer<ObjectPage>(`api/inspect/${object.kind}/${path}`);
    if (route.value.object === object) objectPage.value = got;
  } catch (e) {
    objectFailure.value = e instanceof Error ? e.message : String(e);
  } finally {
    readingObject.value = false;
  }
}

export function startObjectPage(): void {
  effect(() => {
    objectPage.value = undefined;
    if (route.value.object !== undefined) void readObjectPage();
  });
}
