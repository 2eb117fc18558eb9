// The door of the ui room.
export { startUi } from './server/start-ui.ts';
export type { Ui, UiOptions } from './server/start-ui.ts';
