// Events in both shapes. core/v1 is the stored one; events.k8s.io/v1 is converted.
import type { FieldError } from '../field-error.ts';
import { invalidValue, required } from '../field-error.ts';
import { events, eventsV1 } from '../resources.ts';
import type { CoreEvent, EventsEvent, core, eventsApi } from '../types.ts';
import { defineStrategy } from './define-strategy.ts';

function validateCore(event: core.Event): FieldError[] {
  const errors: FieldError[] = [];
  const about = event.involvedObject?.namespace ?? '';
  const namespace = event.metadata?.namespace ?? '';
  // Events about cluster-scoped objects live in `default`.
  if (about === '' ? namespace !== 'default' && namespace !== 'kube-system' : about !== namespace) {
    errors.push(invalidValue('involvedObject.namespace', about, 'does not match event.namespace'));
  }
  return errors;
}

function validateNew(event: eventsApi.Event): FieldError[] {
  const errors: FieldError[] = [];
  if (event.eventTime === undefined) errors.push(required('eventTime'));
  if ((event.reportingController ?? '') === '') errors.push(required('reportingController'));
  if ((event.reportingInstance ?? '') === '') errors.push(required('reportingInstance'));
  if ((event.action ?? '') === '') errors.push(required('action'));
  if ((event.reason ?? '') === '') errors.push(required('reason'));
  return errors;
}

const about = (o: core.ObjectReference | undefined, prefix: string): Record<string, string> => ({
  [`${prefix}.kind`]: o?.kind ?? '',
  [`${prefix}.namespace`]: o?.namespace ?? '',
  [`${prefix}.name`]: o?.name ?? '',
  [`${prefix}.uid`]: o?.uid ?? '',
  [`${prefix}.apiVersion`]: o?.apiVersion ?? '',
  [`${prefix}.resourceVersion`]: o?.resourceVersion ?? '',
  [`${prefix}.fieldPath`]: o?.fieldPath ?? '',
});

export const eventStrategies = [
  defineStrategy<core.Event>({
    resource: events,
    schema: 'core.Event',
    allowsCreateOnUpdate: true,
    validate: validateCore,
    selectableFields: (e) => ({
      ...about(e.involvedObject, 'involvedObject'),
      reason: e.reason ?? '',
      reportingComponent: e.reportingComponent ?? '',
      source: e.source?.component ?? e.reportingComponent ?? '',
      type: e.type ?? '',
    }),
  }),
  defineStrategy<eventsApi.Event>({
    resource: eventsV1,
    schema: 'events.Event',
    allowsCreateOnUpdate: true,
    validate: validateNew,
    selectableFields: (e) => ({
      ...about(e.regarding, 'regarding'),
      reason: e.reason ?? '',
      reportingController: e.reportingController ?? '',
      type: e.type ?? '',
    }),
  }),
];

/** An events.k8s.io/v1 Event as it is stored: a core/v1 Event. */
export function toCoreEvent(event: eventsApi.Event | EventsEvent): CoreEvent {
  const { regarding, related, note, reportingController, deprecatedSource, ...rest } = event;
  const { deprecatedFirstTimestamp, deprecatedLastTimestamp, deprecatedCount, ...same } = rest;
  return compact({
    ...same,
    apiVersion: 'v1' as const,
    involvedObject: regarding ?? {},
    related,
    message: note,
    reportingComponent: reportingController,
    source: deprecatedSource,
    firstTimestamp: deprecatedFirstTimestamp,
    lastTimestamp: deprecatedLastTimestamp,
    count: deprecatedCount,
  }) as CoreEvent;
}

/** A stored core/v1 Event in the shape of events.k8s.io/v1. */
export function fromCoreEvent(event: core.Event | CoreEvent): EventsEvent {
  const { involvedObject, related, message, reportingComponent, source, ...rest } = event;
  const { firstTimestamp, lastTimestamp, count, ...same } = rest;
  return compact({
    ...same,
    apiVersion: 'events.k8s.io/v1' as const,
    regarding: involvedObject,
    related,
    note: message,
    reportingController: reportingComponent,
    deprecatedSource: source,
    deprecatedFirstTimestamp: firstTimestamp,
    deprecatedLastTimestamp: lastTimestamp,
    deprecatedCount: count,
  }) as EventsEvent;
}

const compact = (object: object): object =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
