// A container image for tests: Debian's static busybox and links to it.
import { readFileSync } from 'node:fs';
import { ociArchive, type ArchiveEntry, type ImageToMake } from '../cri/oci-archive.ts';

const APPLETS = 'cat echo env false hostname httpd id ls nc nslookup ps pwd sh sleep sort stat test touch true wc wget'.split(' '); // prettier-ignore

export type ImageOptions = Omit<ImageToMake, 'files'>;

/** The tar file's content. */
export function busyboxImage(images: readonly ImageOptions[]): Buffer {
  const dir = (name: string, mode = 0o755): ArchiveEntry => ({ name: `${name}/`, isDir: true, mode });
  const files: ArchiveEntry[] = [
    ...['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'usr', 'var'].map((name) => dir(name)),
    dir('tmp', 0o1777),
    { name: 'bin/busybox', data: readFileSync('/bin/busybox'), mode: 0o755 },
    ...APPLETS.map((name) => ({ name: `bin/${name}`, linkTo: 'busybox' })),
    { name: 'etc/passwd', data: Buffer.from('root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n') },
    { name: 'etc/group', data: Buffer.from('root:x:0:\nuser:x:1000:\n') },
  ];
  return ociArchive(images.map((image) => ({ env: ['PATH=/bin'], ...image, files })));
}
