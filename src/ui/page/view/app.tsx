import { useEffect } from 'preact/hooks';

import { route } from '../state/view.ts';
import { ObjectView } from './object-view.tsx';
import { onPageKey } from './page-keys.ts';
import { PictureView } from './picture-view.tsx';
import { ServiceView } from './service-view.tsx';
import { TopBar } from './top-bar.tsx';
import { TracePanel } from './trace-panel.tsx';

export function App() {
  useEffect(() => {
    addEventListener('keydown', onPageKey);
    return () => removeEventListener('keydown', onPageKey);
  }, []);
  const { service, object } = route.value;
  return (
    <>
      <a class="skip" href="#main">
        Skip to the picture
      </a>
      <TopBar />
      {object !== undefined ? (
        <main id="main" class="sheet" tabIndex={-1}>
          <ObjectView kind={object.kind} name={object.key} />
        </main>
      ) : service === undefined ? (
        <main id="main" class="desk" tabIndex={-1}>
          <h1 class="unseen">Topology of the cluster and the walk of a packet</h1>
          <PictureView />
          <TracePanel />
        </main>
      ) : (
        <main id="main" class="sheet" tabIndex={-1}>
          <ServiceView name={service} />
        </main>
      )}
    </>
  );
}
