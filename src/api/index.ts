// The door of the api room: everything pure about Kubernetes objects.
export * from './objects.ts';
export * from './errors.ts';
export * from './field-error.ts';
export * from './addresses.ts';
export * from './decode/decode-body.ts';
export * from './decode/parse-body.ts';
export { decodeProtobuf } from './decode/protobuf.ts';
export { yamlText } from './encode/yaml.ts';
export * from './patch/json-patch.ts';
export * from './patch/merge-patch.ts';
export { applyStrategicMergePatch } from './patch/strategic-merge-patch.ts';
export type { UpdateToTrack } from './apply/managed-fields.ts';
export { trackUpdate } from './apply/managed-fields.ts';
export type { ApplyRequest } from './apply/server-side-apply.ts';
export { serverSideApply } from './apply/server-side-apply.ts';
export type { ApiObject, DraftMeta, KindStrategy } from './strategy/contract.ts';
export { datedConditions, validateConditions } from './strategy/certificates.ts';
export { strategyOf } from './strategy/index.ts';
export { immutable, inheritServerMetadata, validateMetadata, validateMetadataUpdate } from './strategy/metadata.ts';
export { qosClassOf } from './strategy/pod.ts';
export { allContainers, applyPodSpecDefaults } from './strategy/pod-defaults.ts';
export { fromCoreEvent, toCoreEvent } from './strategy/event.ts';
export type { ServiceDraft } from './strategy/service-shape.ts';
export {
  dropTypeDependentFields,
  isExternallyAccessible,
  isHeadless,
  keepAllocatedValues,
  mayHaveNodePort,
  needsClusterIp,
  needsHealthCheckNodePort,
  needsNodePort,
  syncClusterIps,
} from './strategy/service-shape.ts';
export type { Family } from './strategy/service-families.ts';
export { familiesToAllocate, resolveServiceFamilies } from './strategy/service-families.ts';
export { validateClusterIpFields } from './strategy/service-validation.ts';
export type { SchemaField, SchemaType } from './schema/schema.ts';
export { schemaOfKind, schemaType } from './schema/schema.ts';
export type { ColumnDefinition, Table, TableRow } from './table/contract.ts';
export type { TableOptions } from './table/render-table.ts';
export { renderTable } from './table/render-table.ts';
export { openapiV2, openapiV3, openapiV3Index } from './openapi/documents.ts';
export { openapiV2Protobuf, openapiV2ProtobufType } from './openapi/v2-protobuf.ts';
