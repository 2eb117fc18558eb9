// Types of events.k8s.io/v1. The notation is explained in schema.ts.
export const eventsTypes = `
kind Event
  1 metadata meta.ObjectMeta embedded
  2 eventTime microtime required
  3 series EventSeries
  4 reportingController string
  5 reportingInstance string
  6 action string
  7 reason string
  8 regarding core.ObjectReference embedded
  9 related core.ObjectReference
  10 note string
  11 type string
  12 deprecatedSource core.EventSource embedded
  13 deprecatedFirstTimestamp time
  14 deprecatedLastTimestamp time
  15 deprecatedCount int32
type EventSeries
  1 count int32 required
  2 lastObservedTime microtime required
`;
