// Container images made on the spot: an OCI layout in a tar file that `ctr images import` reads. No registry takes part.
// Shapes: the OCI image and image-layout specifications; tar: POSIX ustar.
import { createHash } from 'node:crypto';

const BLOCK = 512;

export interface ArchiveEntry {
  /** Below 100 bytes. */
  readonly name: string;
  readonly data?: Buffer;
  readonly mode?: number;
  readonly linkTo?: string;
  readonly isDir?: boolean;
}

function tar(entries: readonly ArchiveEntry[]): Buffer {
  const parts: Buffer[] = [];
  for (const { name, data = Buffer.alloc(0), mode = 0o644, linkTo, isDir = false } of entries) {
    const header = Buffer.alloc(BLOCK);
    const octal = (value: number, at: number, length: number) =>
      header.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1');
    header.write(name, 0, 'latin1');
    octal(mode, 100, 8);
    octal(0, 108, 8);
    octal(0, 116, 8);
    octal(data.length, 124, 12);
    octal(0, 136, 12);
    header.write(linkTo !== undefined ? '2' : isDir ? '5' : '0', 156, 'latin1');
    header.write(linkTo ?? '', 157, 'latin1');
    header.write('ustar\u{0}00', 257, 'latin1');
    header.fill(0x20, 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    parts.push(header, data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

const digest = (data: Buffer) => createHash('sha256').update(data).digest('hex');

export interface ImageToMake {
  readonly name: string;
  /** The files of its one layer. */
  readonly files: readonly ArchiveEntry[];
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly env?: readonly string[];
  readonly user?: string;
}

/** The tar file's content. */
export function ociArchive(images: readonly ImageToMake[]): Buffer {
  const blobs = new Map<string, Buffer>();
  const putBytes = (data: Buffer) => {
    blobs.set(digest(data), data);
    return { digest: `sha256:${digest(data)}`, size: data.length };
  };
  const put = (value: object) => putBytes(Buffer.from(JSON.stringify(value)));
  const manifests = images.map((image) => {
    const layer = putBytes(tar(image.files));
    const config = put({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: {
        ...(image.entrypoint === undefined ? {} : { Entrypoint: image.entrypoint }),
        ...(image.cmd === undefined ? {} : { Cmd: image.cmd }),
        ...(image.env === undefined ? {} : { Env: image.env }),
        ...(image.user === undefined ? {} : { User: image.user }),
      },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    });
    const manifest = put({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer }],
    });
    return {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      ...manifest,
      annotations: { 'io.containerd.image.name': image.name },
    };
  });
  return tar([
    { name: 'oci-layout', data: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
    { name: 'index.json', data: Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })) },
    ...[...blobs].map(([hash, data]) => ({ name: `blobs/sha256/${hash}`, data })),
  ]);
}
