// Bridges to functions of the api room; goes away when their callers import them from its door.
export {
  applyStrategicMergePatch,
  openapiV2,
  openapiV3,
  openapiV3Index,
  renderTable,
  serverSideApply,
  trackUpdate,
} from '../api/index.ts';
