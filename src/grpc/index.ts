export { createGrpcClient } from './channel.ts';
export type { CallOptions, GrpcClient, GrpcClientOptions, GrpcMethod, GrpcStream } from './channel.ts';
export type { GrpcTarget, GrpcTls } from './connection.ts';
export { field } from './field.ts';
export { messageType } from './message.ts';
export type { Decoded, Encodable, MessageType } from './message.ts';
export { grpcCode, GrpcError } from './status.ts';
export type { GrpcCode } from './status.ts';
export { WireError } from './wire.ts';
