// Types of events.k8s.io/v1. The notation is explained in schema.ts.
export const eventsTypes = `
kind Event | Something that happened to an object, in the newer shape.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 eventTime microtime required | When it happened first.
  3 series EventSeries | Set when the same thing goes on happening.
  4 reportingController string | Who reports it.
  5 reportingInstance string | Which instance reports it.
  6 action string | What was done or failed.
  7 reason string | Why, as one CamelCase word for programs.
  8 regarding core.ObjectReference embedded | The object it is about.
  9 related core.ObjectReference | A second object it is about.
  10 note string | What happened, for people.
  11 type string | Normal or Warning.
  12 deprecatedSource core.EventSource embedded | Who reports it, in the old way.
  13 deprecatedFirstTimestamp time | When it happened first, in the old way.
  14 deprecatedLastTimestamp time | When it happened last, in the old way.
  15 deprecatedCount int32 | How often, in the old way.
type EventSeries | An event that goes on happening.
  1 count int32 required | How often it happened.
  2 lastObservedTime microtime required | When it happened last.
`;
