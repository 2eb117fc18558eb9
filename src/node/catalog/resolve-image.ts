// From a container of a pod spec to the program it runs: the catalog, and `command` and `args` as Docker treats
// ENTRYPOINT and CMD. Pure.
import type { CatalogEntry, ImageProblem, ResolvedImage } from './contract.ts';

export interface ImageRequest {
  readonly image: string;
  /** Already expanded. */
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly pullPolicy?: string;
  /** Namespace and names of the secrets to fetch it with. */
  readonly secrets?: { readonly namespace: string; readonly names: readonly string[] };
}

/** The image name that entries are matched with: no tag, no digest, no docker.io/library. */
export function imageName(image: string): string {
  const withoutDigest = image.split('@')[0] ?? '';
  const withoutTag = withoutDigest.replace(/:[^/:]+$/, '');
  return withoutTag.replace(/^docker\.io\//, '').replace(/^library\//, '');
}

function matches(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}

export function findEntry(entries: readonly CatalogEntry[], image: string): CatalogEntry | undefined {
  const name = imageName(image);
  return entries.find((e) => matches(e.image, name) || matches(e.image, image));
}

const NO_NEEDS = { node: false, program: false };

/** `findProgram` tells where a program of the host is, undefined when it is not installed. */
export function resolveImage(
  entries: readonly CatalogEntry[],
  request: ImageRequest,
  o: {
    findProgram: (name: string) => string | undefined;
    imagesFile?: string;
    /** Why the file's entries are not in use. */
    imagesProblem?: string;
  },
): ResolvedImage | ImageProblem {
  const { image, command, args } = request;
  if (image.trim() === '' || /\s/.test(image)) {
    return { reason: 'InvalidImageName', message: `couldn't parse image name "${image}": invalid reference format` };
  }
  const entry = findEntry(entries, image);
  const facts = {
    env: entry?.env ?? {},
    workingDir: entry?.workingDir,
    needs: { ...NO_NEEDS, ...entry?.needs },
    ref: `portico-catalog://${entry?.image ?? 'command'}`,
  };
  // Whatever the image: an explicit command is a program of the host's file system.
  if (command.length > 0) return { argv: [...command, ...args], ...facts };
  if (entry === undefined) return { reason: 'ErrImagePull', message: unknownImage(image, o) };
  const missing = entry.requires === undefined ? undefined : notInstalled(entry.requires.program, o.findProgram);
  if (missing !== undefined) {
    const pkg = entry.requires?.package ?? missing;
    return {
      reason: 'ErrImagePull',
      message: `image "${image}" stands for the program '${missing}' of this machine, which is not installed: install it (apt-get install ${pkg}), or use the image portico/web`,
    };
  }
  const argv = [...entry.entrypoint, ...(args.length > 0 ? args : entry.args)];
  if (argv.length === 0) {
    return { reason: 'ErrImagePull', message: `image "${image}" names no program: set the container's command` };
  }
  return { argv, ...facts };
}

function notInstalled(program: string, findProgram: (name: string) => string | undefined): string | undefined {
  return program.startsWith('/') || findProgram(program) !== undefined ? undefined : program;
}

function unknownImage(image: string, o: { imagesFile?: string; imagesProblem?: string }): string {
  const unknown = `image "${image}" is unknown here`;
  if (o.imagesProblem !== undefined) return `${unknown}, and the catalog has a mistake: ${o.imagesProblem}`;
  const add = o.imagesFile === undefined ? '' : `, or add an entry for it to ${o.imagesFile}`;
  return `${unknown}: Portico runs programs of this machine and pulls no images; use portico/web or portico/shell, set the container's command${add}`;
}
