// Makes the failures of the API with the code, reason, text and details that Kubernetes gives them.
import type { FieldError } from './field-error.ts';
import { fieldErrorBody, fieldErrorReason, formatFieldError } from './field-error.ts';
import type { Resource } from './resources.ts';
import type { StatusCause, StatusDetails } from './status-error.ts';
import { StatusError } from './status-error.ts';

/** What an error names: a resource row, or just group and plural. */
export type GroupResource = Pick<Resource, 'group' | 'plural'>;
/** Group and kind, for errors about a body. */
export type GroupKind = Pick<Resource, 'group' | 'kind'>;

/** `services`, `deployments.apps`. */
export const qualifiedResource = (r: GroupResource): string => (r.group === '' ? r.plural : `${r.plural}.${r.group}`);
const qualifiedKind = (k: GroupKind): string => (k.group === '' ? k.kind : `${k.kind}.${k.group}`);

const detailsOf = (r: GroupResource, name: string): StatusDetails => ({
  ...(name === '' ? {} : { name }),
  ...(r.group === '' ? {} : { group: r.group }),
  kind: r.plural,
});

export function notFound(r: GroupResource, name: string): StatusError {
  return new StatusError(404, 'NotFound', `${qualifiedResource(r)} "${name}" not found`, detailsOf(r, name));
}

/** No such resource or path below a served group version. */
export function notFoundPath(): StatusError {
  return new StatusError(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function alreadyExists(r: GroupResource, name: string): StatusError {
  return new StatusError(409, 'AlreadyExists', `${qualifiedResource(r)} "${name}" already exists`, detailsOf(r, name));
}

/** generateName found no free name. */
export function generateNameConflict(r: GroupResource, name: string): StatusError {
  return new StatusError(
    409,
    'AlreadyExists',
    `${qualifiedResource(r)} "${name}" already exists, the server was not able to generate a unique name for the object`,
    { ...detailsOf(r, name), retryAfterSeconds: 1 },
  );
}

export const staleObjectText =
  'the object has been modified; please apply your changes to the latest version and try again';

/** A stale resourceVersion, unless another cause is given. */
export function conflict(r: GroupResource, name: string, cause: string = staleObjectText): StatusError {
  return new StatusError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualifiedResource(r)} "${name}": ${cause}`,
    detailsOf(r, name),
  );
}

/** 422 with one cause a field error. */
export function invalid(kind: GroupKind, name: string, errors: readonly FieldError[]): StatusError {
  const causes: StatusCause[] = errors.map((e) => ({
    reason: fieldErrorReason(e),
    message: fieldErrorBody(e),
    field: e.field,
  }));
  const texts = [...new Set(errors.map(formatFieldError))];
  const text = texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
  return new StatusError(422, 'Invalid', `${qualifiedKind(kind)} "${name}" is invalid: ${text}`, {
    ...(name === '' ? {} : { name }),
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.kind,
    causes,
  });
}

export const badRequest = (message: string): StatusError => new StatusError(400, 'BadRequest', message);

/** A patch document that does not fit the object. */
export function invalidPatch(message?: string): StatusError {
  return new StatusError(
    422,
    'Invalid',
    message ?? 'the server rejected our request due to an error in our request',
    {},
  );
}

export interface DeniedRequest {
  readonly user: string;
  readonly verb: string;
  readonly group: string;
  /** Plural, with `/subresource` when there is one. */
  readonly resource: string;
  readonly name?: string;
  readonly namespace?: string;
  /** Why, when the authorizer says so. */
  readonly reason?: string;
}

/** 403 in RBAC's words. */
export function denied(request: DeniedRequest): StatusError {
  const { user, verb, group, resource, name = '', namespace = '', reason = '' } = request;
  const plural = resource.split('/')[0] ?? resource;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const shown = qualifiedResource({ group, plural });
  const what = name === '' ? shown : `${shown} "${name}"`;
  const why = reason === '' ? '' : `: ${reason}`;
  return new StatusError(
    403,
    'Forbidden',
    `${what} is forbidden: User "${user}" cannot ${verb} resource "${resource}" in API group "${group}" ${where}${why}`,
    detailsOf({ group, plural }, name),
  );
}

/** 403 for a path that is no resource. */
export function deniedPath(user: string, verb: string, path: string): StatusError {
  return new StatusError(403, 'Forbidden', `forbidden: User "${user}" cannot ${verb} path "${path}"`, {});
}

/** 403 by admission: `pods "x" is forbidden: why`. */
export function forbiddenBecause(r: GroupResource, name: string, why: string, causes?: StatusCause[]): StatusError {
  const what = name === '' ? qualifiedResource(r) : `${qualifiedResource(r)} "${name}"`;
  return new StatusError(403, 'Forbidden', `${what} is forbidden: ${why}`, {
    ...detailsOf(r, name),
    ...(causes === undefined ? {} : { causes }),
  });
}

/** 403 for a create in a namespace that is going away. */
export function namespaceTerminating(r: GroupResource, name: string, namespace: string): StatusError {
  return forbiddenBecause(
    r,
    name,
    `unable to create new content in namespace ${namespace} because it is being terminated`,
    [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  );
}

export const unauthorized = (): StatusError => new StatusError(401, 'Unauthorized', 'Unauthorized');

export const methodNotAllowed = (): StatusError =>
  new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});

/** 405 for a verb a resource lacks. */
export function verbNotSupported(r: GroupResource, verb: string): StatusError {
  return new StatusError(
    405,
    'MethodNotAllowed',
    `${verb} is not supported on resources of kind "${qualifiedResource(r)}"`,
    { ...(r.group === '' ? {} : { group: r.group }), kind: r.plural },
  );
}

export function notAcceptable(accepted: readonly string[]): StatusError {
  return new StatusError(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);
}

export function unsupportedMediaType(supported: readonly string[], got = ''): StatusError {
  const text = `the body of the request was in an unknown format - accepted media types include: ${supported.join(', ')}`;
  return new StatusError(415, 'UnsupportedMediaType', got === '' ? text : `${text} (got ${got})`);
}

/** The watch or list starts before what is retained. */
export function tooOldResourceVersion(asked: string | number | bigint, oldest: string | number | bigint): StatusError {
  return expired(`too old resource version: ${asked} (${oldest})`);
}

export const expired = (message: string): StatusError => new StatusError(410, 'Expired', message);
export const gone = (message: string): StatusError => new StatusError(410, 'Gone', message);

/** A continue token whose revision has been compacted. */
export function expiredContinueToken(): StatusError {
  return expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.',
  );
}

/** The client asks for a version this server has not seen yet. */
export function tooLargeResourceVersion(
  asked: string | number | bigint,
  current: string | number | bigint,
): StatusError {
  return new StatusError(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

export const isTooLargeResourceVersion = (e: unknown): boolean =>
  e instanceof StatusError &&
  e.reason === 'Timeout' &&
  (e.status.details?.causes ?? []).some((c) => c.reason === 'ResourceVersionTooLarge');

export const timeout = (message: string, retryAfterSeconds = 0): StatusError =>
  new StatusError(504, 'Timeout', `Timeout: ${message}`, retryAfterSeconds > 0 ? { retryAfterSeconds } : {});

export const tooManyRequests = (
  message = 'the server has received too many requests and has asked us to try again later',
  retryAfterSeconds = 1,
): StatusError => new StatusError(429, 'TooManyRequests', message, { retryAfterSeconds });

export function requestEntityTooLarge(limitBytes: number): StatusError {
  return new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);
}

export const serviceUnavailable = (message: string): StatusError => new StatusError(503, 'ServiceUnavailable', message);

export function internalError(cause: unknown): StatusError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new StatusError(500, 'InternalError', `Internal error occurred: ${text}`, { causes: [{ message: text }] });
}

/** What the client sent cannot be read as that kind. */
export function cannotBeHandledAs(kind: Pick<Resource, 'kind' | 'version'>, cause: string): StatusError {
  return badRequest(`${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: ${cause}`);
}

/** Server-side apply refused: other managers own the fields. `causes` name field and owner. */
export function applyConflict(message: string, causes: StatusCause[]): StatusError {
  return new StatusError(409, 'Conflict', message, { causes });
}
