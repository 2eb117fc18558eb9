// What an image name means on a node that runs processes instead of images. Types only.

export interface CatalogEntry {
  /** Image name without tag; `*` stands for any characters. */
  readonly image: string;
  /** The program and fixed arguments, as an image's ENTRYPOINT. */
  readonly entrypoint: readonly string[];
  /** Default arguments, as an image's CMD. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly workingDir?: string;
  /** What of Portico itself the program needs to see. */
  readonly needs?: { readonly node?: boolean; readonly program?: boolean };
  /** A program of the host that must be installed, and the package that usually brings it. */
  readonly requires?: { readonly program: string; readonly package: string };
}

export interface ResolvedImage {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string | undefined;
  readonly needs: { readonly node: boolean; readonly program: boolean; readonly host?: boolean };
  /** The whole command, for an image of a container runtime that knows none itself. */
  readonly command?: readonly string[];
  /** Shown as imageID. */
  readonly ref: string;
  /** The user the image runs as, where it says so; undefined: root. */
  readonly user?: { readonly uid?: number; readonly name?: string };
  /** How long it took to fetch; undefined when it was there. */
  readonly pulledMs?: number;
}

/** Why an image cannot be used; the message says what to do. */
export interface ImageProblem {
  readonly reason: 'ErrImagePull' | 'InvalidImageName' | 'ErrImageNeverPull';
  readonly message: string;
}
