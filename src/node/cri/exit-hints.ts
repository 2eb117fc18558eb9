// containerd tells of ended tasks as they end. Only a hint to look: a runtime that has no such service is asked once a
// second, as kubelet does, and that is enough.
import { field as f, GrpcError, messageType, type GrpcClient, type GrpcMethod } from '../../grpc/index.ts';

const SUBSCRIBE: GrpcMethod<{ filters?: readonly string[] | undefined }, object> = {
  path: '/containerd.services.events.v1.Events/Subscribe',
  request: messageType({ filters: f.list(f.string(1)) }),
  response: messageType({}),
};
const RETRY_MS = 1000;

/** Calls `onExit` when some container has ended, until the signal fires. */
export async function watchExits(grpc: GrpcClient, signal: AbortSignal, onExit: () => void): Promise<void> {
  while (!signal.aborted) {
    try {
      const events = grpc.stream(SUBSCRIBE, { signal, metadata: { 'containerd-namespace': 'k8s.io' } });
      events.send({ filters: ['topic=="/tasks/exit"'] });
      events.end();
      for await (const _ of events) onExit();
    } catch (error) {
      if (signal.aborted || (error instanceof GrpcError && error.code === 'UNIMPLEMENTED')) return;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, RETRY_MS);
      signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
    });
  }
}
