// Metadata that only the server writes. The published types call it read-only, which it is for everybody else.
import type { ApiObject, meta } from '../../api/index.ts';

export type ServerMetadata = { -readonly [K in keyof meta.ObjectMeta]: meta.ObjectMeta[K] };

export const serverMetadata = (draft: ApiObject): ServerMetadata => draft.metadata;
