// Images of the runtime: there already, or pulled as the pod's policy says.
import { errorText } from '../../errors/index.ts';
import { GrpcError, type GrpcClient } from '../../grpc/index.ts';
import type { ImageProblem, ResolvedImage } from '../catalog/contract.ts';
import type { ImageRequest } from '../catalog/resolve-image.ts';
import { cri, type CriImage, type RegistryAuth } from './api.ts';
import { credentialsFor } from './pull-credentials.ts';

const PULL_TIMEOUT_MS = 15 * 60_000;

/** With what the secrets of these names hold, `.dockerconfigjson`. */
export type ReadPullSecrets = (namespace: string, names: readonly string[]) => Promise<readonly string[]>;

export async function resolveCriImage(
  grpc: GrpcClient,
  request: ImageRequest,
  readSecrets: ReadPullSecrets,
): Promise<ResolvedImage | ImageProblem> {
  const { image, pullPolicy } = request;
  if (image.trim() === '' || /\s/.test(image)) {
    return { reason: 'InvalidImageName', message: `couldn't parse image name "${image}": invalid reference format` };
  }
  try {
    const here = pullPolicy === 'Always' ? undefined : await statusOf(grpc, image);
    if (here !== undefined) return resolved(request, here, undefined);
    if (pullPolicy === 'Never') {
      return {
        reason: 'ErrImageNeverPull',
        message: `Container image "${image}" is not present with pull policy of Never`,
      };
    }
    const secrets =
      request.secrets === undefined ? [] : await readSecrets(request.secrets.namespace, request.secrets.names);
    const beganAt = performance.now();
    const ref = await pull(grpc, image, credentialsFor(image, secrets));
    const pulled = await statusOf(grpc, ref);
    if (pulled === undefined)
      return { reason: 'ErrImagePull', message: `image ${ref} is gone right after it was pulled` };
    return resolved(request, pulled, Math.round(performance.now() - beganAt));
  } catch (error) {
    return {
      reason: 'ErrImagePull',
      message: error instanceof GrpcError ? error.details || error.code : errorText(error),
    };
  }
}

async function statusOf(grpc: GrpcClient, image: string): Promise<CriImage | undefined> {
  return (await grpc.unary(cri.imageStatus, { image: { image } }, { timeoutMs: 30_000 })).image;
}

/** Tries the credentials one after the other, as kubelet does; without any, anonymously. */
async function pull(grpc: GrpcClient, image: string, credentials: readonly RegistryAuth[]): Promise<string> {
  let failure: unknown;
  for (const auth of credentials.length === 0 ? [undefined] : credentials) {
    try {
      const request = { image: { image }, ...(auth === undefined ? {} : { auth }) };
      return (await grpc.unary(cri.pullImage, request, { timeoutMs: PULL_TIMEOUT_MS })).imageRef;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function resolved(request: ImageRequest, image: CriImage, pulledMs: number | undefined): ResolvedImage {
  return {
    argv: [...request.command, ...request.args],
    env: {},
    workingDir: undefined,
    needs: { node: false, program: false },
    ref: image.id,
    user: {
      ...(image.uid === undefined ? {} : { uid: image.uid.value }),
      ...(image.username === '' ? {} : { name: image.username }),
    },
    ...(pulledMs === undefined ? {} : { pulledMs }),
  };
}
