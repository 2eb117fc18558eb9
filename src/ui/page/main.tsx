// The page: streams in, signals between, views out.
import { render } from 'preact';

import { follow } from './state/live.ts';
import { startObjectPage } from './state/object.ts';
import { startServicePage } from './state/service.ts';
import { startPlayer } from './state/trace.ts';
import { startView } from './state/view.ts';
import './style/theme.css';
import './style/page.css';
import './style/picture.css';
import './style/service.css';
import { App } from './view/app.tsx';

// The token has become a cookie; it must not stay in the history.
if (location.search !== '') history.replaceState(null, '', location.pathname + location.hash);
startView();
startPlayer();
startServicePage();
startObjectPage();
const root = document.querySelector('#app');
if (root !== null) render(<App />, root);
void follow();
