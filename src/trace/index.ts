// The door of the trace room.
export { formatTraceReport, tracePcapng } from './format-report.ts';
export { traceConnection } from './trace-connection.ts';
export type { TraceReport, TraceRequest, TraceResult } from './trace-connection.ts';
export type { DnsStep } from './resolve-target.ts';
export type { TraceEnvironment } from './cluster-view.ts';
export { findPodNetns } from './pod-netns.ts';
export type {
  CapturedFrame,
  Change,
  EndpointReached,
  Hop,
  Leg,
  Place,
  ProbeOutcome,
  RuleStep,
  TrackedConnection,
  Verdict,
  Walk,
} from './contract.ts';
export { formatWalk } from './format.ts';
export { formatServiceInspection, inspectService } from './inspect-service.ts';
export type { InspectedEndpoint, InspectOptions, ServiceInspection } from './inspect-service.ts';
export { readSavedText } from './saved-rules.ts';
export type { InspectedRule } from './service-rules.ts';
export { inspectPod } from './inspect-pod.ts';
export type { PodInspection } from './inspect-pod.ts';
export { inspectNode } from './inspect-node.ts';
export type { NodeInspection } from './inspect-node.ts';
export { formatNodeInspection, formatPodInspection } from './format-inspection.ts';
export { runDoctor } from './doctor.ts';
export type { DoctorOptions, DoctorReport } from './doctor.ts';
export { formatFindings } from './doctor-finding.ts';
export type { Finding } from './doctor-finding.ts';
export type { Leftover } from './doctor-host-checks.ts';
export type { ExaminedNode } from './doctor-facts.ts';
