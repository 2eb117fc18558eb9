// One finished request as a line of an audit log (audit.k8s.io/v1, level Metadata: no bodies, so no secrets).
import type { RequestRecord } from './request/dispatch.ts';

export function auditLine(record: RequestRecord, now: number): string {
  const { auditId, request, user, route, status } = record;
  const path = route?.kind === 'resource' ? route.path : undefined;
  const given = (text: string | undefined) => (text === undefined || text === '' ? undefined : text);
  return JSON.stringify({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: auditId,
    stage: 'ResponseComplete',
    requestURI: `${request.path}${request.query.size === 0 ? '' : `?${request.query.toString()}`}`,
    verb: route?.kind === 'resource' ? route.verb : request.method.toLowerCase(),
    user: { username: request.user.name, groups: request.user.groups },
    ...(user === request.user ? {} : { impersonatedUser: { username: user.name, groups: user.groups } }),
    userAgent: request.headers['user-agent'],
    objectRef:
      path === undefined
        ? undefined
        : {
            resource: path.plural,
            namespace: given(path.namespace),
            name: given(path.name),
            apiGroup: given(path.group),
            apiVersion: path.version,
            subresource: given(path.subresource),
          },
    responseStatus: { code: status },
    requestReceivedTimestamp: new Date(now - record.milliseconds).toISOString(),
    stageTimestamp: new Date(now).toISOString(),
  });
}
