// Bridges to functions of the api room that its door does not offer yet; goes away with them.
import type { ApiObject, KubeObject, Resource } from '../api/index.ts';
export function trackUpdate(_o: {
  schema: string;
  next: ApiObject;
  previous?: ApiObject;
  manager: string;
  time: string;
  subresource: string;
}): void {}
export function renderTable(
  _r: Resource,
  objects: readonly KubeObject[],
  o: { now: number; includeObject: string; apiVersion: string; metadata: object },
): { columnDefinitions: unknown } {
  return {
    kind: 'Table',
    apiVersion: o.apiVersion,
    metadata: o.metadata,
    columnDefinitions: [{ name: 'Name', type: 'string', format: 'name', description: '', priority: 0 }],
    rows: objects.map((x) => ({
      cells: [x.metadata.name],
      object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: x.metadata },
    })),
  } as never;
}
export function applyStrategicMergePatch(_s: string, _c: unknown, _p: unknown): unknown {
  throw new Error('pending');
}
export function serverSideApply(_o: object): ApiObject {
  throw new Error('pending');
}
export const openapiV3 = (_p: string): object => ({});
export const openapiV3Index = (): string[] => [];
export const openapiV2 = (): object => ({});
