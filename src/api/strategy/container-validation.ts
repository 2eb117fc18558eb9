// Rules for the containers of a pod: names, ports, environment, mounts, probes, resources.
import type { FieldError } from '../field-error.ts';
import { duplicate, forbidden, invalidValue, notFoundValue, notSupported, required } from '../field-error.ts';
import { configMapKey, dns1123Label, envVarName, portName, portNumber, qualifiedName } from '../names.ts';
import { ownValue } from '../json.ts';
import { compareQuantities } from '../quantity.ts';
import type { core } from '../types.ts';

const protocols = ['SCTP', 'TCP', 'UDP'];
const pullPolicies = ['Always', 'IfNotPresent', 'Never'];
const messagePolicies = ['FallbackToLogsOnError', 'File'];
const schemes = ['HTTP', 'HTTPS'];

export const fails = (path: string, value: unknown, messages: readonly string[]): FieldError[] =>
  messages.map((m) => invalidValue(path, value, m));

export const nonNegative = (value: number | undefined, path: string): FieldError[] =>
  (value ?? 0) < 0 ? [invalidValue(path, value, 'must be greater than or equal to 0')] : [];

export interface ContainerContext {
  readonly volumes: ReadonlySet<string>;
  /** Names taken so far in this pod; each container adds its own. */
  readonly names: Set<string>;
  readonly kind: 'containers' | 'initContainers' | 'ephemeralContainers';
}

export function validateContainer(c: core.Container, path: string, context: ContainerContext): FieldError[] {
  const errors: FieldError[] = [];
  const name = c.name ?? '';
  if (name === '') errors.push(required(`${path}.name`));
  else errors.push(...fails(`${path}.name`, name, dns1123Label(name)));
  if (name !== '' && context.names.has(name)) errors.push(duplicate(`${path}.name`, name));
  context.names.add(name);

  const image = c.image ?? '';
  if (image === '') errors.push(required(`${path}.image`));
  else if (image !== image.trim()) {
    errors.push(invalidValue(`${path}.image`, image, 'must not have leading or trailing whitespace'));
  }
  if (c.terminationMessagePolicy !== undefined && !messagePolicies.includes(c.terminationMessagePolicy)) {
    errors.push(notSupported(`${path}.terminationMessagePolicy`, c.terminationMessagePolicy, messagePolicies));
  }
  errors.push(
    ...validateContainerPorts(c.ports ?? [], `${path}.ports`),
    ...(c.env ?? []).flatMap((e, i) => validateEnv(e, `${path}.env[${i}]`)),
    ...(c.envFrom ?? []).flatMap((e, i) => validateEnvFrom(e, `${path}.envFrom[${i}]`)),
    ...validateMounts(c.volumeMounts ?? [], `${path}.volumeMounts`, context.volumes),
  );
  if (c.imagePullPolicy !== undefined && !pullPolicies.includes(c.imagePullPolicy)) {
    errors.push(notSupported(`${path}.imagePullPolicy`, c.imagePullPolicy, pullPolicies));
  }
  errors.push(...validateResources(c.resources ?? {}, `${path}.resources`), ...validateHooks(c, path, context.kind));
  return errors;
}

function validateContainerPorts(ports: readonly core.ContainerPort[], path: string): FieldError[] {
  const names = new Set<string>();
  return ports.flatMap((p, i) => {
    const at = `${path}[${i}]`;
    const errors: FieldError[] = [];
    const name = p.name ?? '';
    if (name !== '') {
      const wrong = portName(name);
      errors.push(...fails(`${at}.name`, name, wrong));
      if (wrong.length === 0 && names.has(name)) errors.push(duplicate(`${at}.name`, name));
      names.add(name);
    }
    if ((p.containerPort ?? 0) === 0) errors.push(required(`${at}.containerPort`));
    else errors.push(...fails(`${at}.containerPort`, p.containerPort, portNumber(p.containerPort)));
    if ((p.hostPort ?? 0) !== 0) errors.push(...fails(`${at}.hostPort`, p.hostPort, portNumber(p.hostPort ?? 0)));
    const protocol = p.protocol ?? '';
    if (protocol === '') errors.push(required(`${at}.protocol`));
    else if (!protocols.includes(protocol)) errors.push(notSupported(`${at}.protocol`, protocol, protocols));
    return errors;
  });
}

/** The same hostPort twice on one node address. */
export function validateHostPorts(containers: readonly core.Container[], path: string): FieldError[] {
  const seen = new Set<string>();
  return containers.flatMap((c, i) =>
    (c.ports ?? []).flatMap((p, j) => {
      if ((p.hostPort ?? 0) === 0) return [];
      const key = `${p.protocol ?? ''}/${p.hostIP ?? ''}/${p.hostPort}`;
      const again = seen.has(key);
      seen.add(key);
      return again ? [duplicate(`${path}[${i}].ports[${j}].hostPort`, key)] : [];
    }),
  );
}

function validateEnv(env: core.EnvVar, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if ((env.name ?? '') === '') errors.push(required(`${path}.name`));
  else errors.push(...fails(`${path}.name`, env.name, envVarName(env.name)));
  const from = env.valueFrom;
  if (from === undefined) return errors;
  const at = `${path}.valueFrom`;
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = from;
  const count = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef].filter((s) => s !== undefined).length;
  if (count === 0) {
    const oneOf = 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`';
    errors.push(invalidValue(at, '', oneOf));
  } else if ((env.value ?? '') !== '')
    errors.push(invalidValue(at, '', 'may not be specified when `value` is not empty'));
  else if (count > 1) errors.push(invalidValue(at, '', 'may not have more than one field specified at a time'));
  if (fieldRef !== undefined && (fieldRef.fieldPath ?? '') === '') errors.push(required(`${at}.fieldRef.fieldPath`));
  if (resourceFieldRef !== undefined && (resourceFieldRef.resource ?? '') === '') {
    errors.push(required(`${at}.resourceFieldRef.resource`));
  }
  const keyRefs: readonly [string, core.ConfigMapKeySelector | undefined][] = [
    ['configMapKeyRef', configMapKeyRef],
    ['secretKeyRef', secretKeyRef],
  ];
  for (const [field, ref] of keyRefs) {
    if (ref === undefined) continue;
    if ((ref.key ?? '') === '') errors.push(required(`${at}.${field}.key`));
    else errors.push(...fails(`${at}.${field}.key`, ref.key, configMapKey(ref.key)));
  }
  return errors;
}

function validateEnvFrom(from: core.EnvFromSource, path: string): FieldError[] {
  const sources = [from.configMapRef, from.secretRef].filter((s) => s !== undefined);
  const errors: FieldError[] = [];
  if ((from.prefix ?? '') !== '') errors.push(...fails(`${path}.prefix`, from.prefix, envVarName(from.prefix ?? '')));
  if (sources.length === 0) errors.push(invalidValue(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
  if (sources.length > 1) errors.push(invalidValue(path, '', 'may not have more than one field specified at a time'));
  return errors;
}

function validateMounts(mounts: readonly core.VolumeMount[], path: string, volumes: ReadonlySet<string>): FieldError[] {
  const paths = new Set<string>();
  return mounts.flatMap((m, i) => {
    const at = `${path}[${i}]`;
    const errors: FieldError[] = [];
    if ((m.name ?? '') === '') errors.push(required(`${at}.name`));
    else if (!volumes.has(m.name)) errors.push(notFoundValue(`${at}.name`, m.name));
    if ((m.mountPath ?? '') === '') errors.push(required(`${at}.mountPath`));
    else if (paths.has(m.mountPath)) errors.push(invalidValue(`${at}.mountPath`, m.mountPath, 'must be unique'));
    paths.add(m.mountPath);
    if ((m.subPath ?? '') !== '') errors.push(...validateLocalPath(m.subPath ?? '', `${at}.subPath`));
    return errors;
  });
}

/** A path inside a volume: relative, and never upwards. */
export function validateLocalPath(value: string, path: string): FieldError[] {
  if (value.startsWith('/')) return [invalidValue(path, value, 'must be a relative path')];
  return value.split('/').includes('..') ? [invalidValue(path, value, "must not contain '..'")] : [];
}

export function validateResources(resources: core.ResourceRequirements, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const list of ['limits', 'requests'] as const) {
    for (const [name, quantity] of Object.entries(resources[list] ?? {})) {
      const at = `${path}.${list}`;
      const standard = ['cpu', 'memory', 'ephemeral-storage'].includes(name) || name.startsWith('hugepages-');
      errors.push(...fails(at, name, qualifiedName(name)));
      if (!standard && !name.includes('/')) {
        errors.push(invalidValue(at, name, 'must be a standard resource type or fully qualified'));
      }
      if (compareQuantities(quantity, '0') < 0) {
        errors.push(invalidValue(`${at}[${name}]`, quantity, 'must be greater than or equal to 0'));
      }
    }
  }
  for (const [name, quantity] of Object.entries(resources.requests ?? {})) {
    const limit = ownValue(resources.limits, name);
    if (limit === undefined || compareQuantities(quantity, limit) <= 0) continue;
    errors.push(invalidValue(`${path}.requests`, quantity, `must be less than or equal to ${name} limit of ${limit}`));
  }
  return errors;
}

function validateHooks(c: core.Container, path: string, kind: ContainerContext['kind']): FieldError[] {
  const probes = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;
  if (kind !== 'containers' && c.restartPolicy !== 'Always') {
    const what = kind === 'initContainers' ? 'init containers without restartPolicy=Always' : 'ephemeral containers';
    const fields = (['lifecycle', ...probes] as const).filter((f) => c[f] !== undefined);
    return fields.map((f) =>
      forbidden(
        `${path}.${f}`,
        kind === 'initContainers' ? `may not be set for ${what}` : 'cannot be set for an Ephemeral Container',
      ),
    );
  }
  const errors: FieldError[] = [];
  for (const field of probes) {
    const probe = c[field];
    if (probe === undefined) continue;
    errors.push(...validateProbe(probe, `${path}.${field}`));
    if (field !== 'readinessProbe' && (probe.successThreshold ?? 1) !== 1) {
      errors.push(invalidValue(`${path}.${field}.successThreshold`, probe.successThreshold, 'must be 1'));
    }
  }
  for (const hook of ['postStart', 'preStop'] as const) {
    const action = c.lifecycle?.[hook];
    if (action !== undefined) errors.push(...validateAction(action, `${path}.lifecycle.${hook}`));
  }
  return errors;
}

function validateProbe(probe: core.Probe, path: string): FieldError[] {
  const errors = validateAction(probe, path);
  const numbers = [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const;
  for (const field of numbers) errors.push(...nonNegative(probe[field], `${path}.${field}`));
  if (probe.terminationGracePeriodSeconds !== undefined && probe.terminationGracePeriodSeconds <= 0) {
    errors.push(
      invalidValue(
        `${path}.terminationGracePeriodSeconds`,
        probe.terminationGracePeriodSeconds,
        'must be greater than 0',
      ),
    );
  }
  return errors;
}

type Action = Pick<core.Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'> & { sleep?: { seconds: number } };

function validateAction(action: Action, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const given = (['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const).filter((f) => action[f] !== undefined);
  if (given.length === 0) return [required(path, 'must specify a handler type')];
  for (const extra of given.slice(1))
    errors.push(forbidden(`${path}.${extra}`, 'may not specify more than 1 handler type'));
  const { exec, httpGet, tcpSocket, grpc } = action;
  if (exec !== undefined && (exec.command ?? []).length === 0) errors.push(required(`${path}.exec.command`));
  if (httpGet !== undefined) {
    if ((httpGet.path ?? '') === '') errors.push(required(`${path}.httpGet.path`));
    errors.push(...validatePort(httpGet.port, `${path}.httpGet.port`));
    const scheme = httpGet.scheme ?? 'HTTP';
    if (!schemes.includes(scheme)) errors.push(notSupported(`${path}.httpGet.scheme`, scheme, schemes));
  }
  if (tcpSocket !== undefined) errors.push(...validatePort(tcpSocket.port, `${path}.tcpSocket.port`));
  if (grpc !== undefined) errors.push(...validatePort(grpc.port, `${path}.grpc.port`));
  return errors;
}

const validatePort = (port: number | string | undefined, path: string): FieldError[] =>
  fails(path, port ?? 0, typeof port === 'string' ? portName(port) : portNumber(port ?? 0));
