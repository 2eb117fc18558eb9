// A containerd for each node of `portico up --runtime cri`: its configuration, with every file below the node's folder,
// and the plugin by which it asks the node's agent for addresses.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { installCni } from '../cni/index.ts';
import { PAUSE_IMAGE } from '../node/index.ts';
import type { ContainerdPlace } from './paths.ts';

/** Writes what the daemon reads at its start. */
export function prepareContainerd(place: ContainerdPlace): void {
  const { home } = place;
  const at = (name: string) => path.join(home, name);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  installCni({ binDir: at('cni-bin'), confDir: at('cni-conf'), socket: place.cniSocket, network: 'portico' });
  writeFileSync(place.config, containerdConfig(home, place.socket, canOverlay(home)), { mode: 0o600 });
}

/**
 * Version 2 of the format, which containerd 1 and 2 read. No service of the host is touched: root, state, socket and the
 * pods' namespaces lie in the folder. Streams of exec and attach are served on the node's own loopback address.
 */
export function containerdConfig(home: string, socket: string, overlay: boolean): string {
  return `version = 2
root = "${home}/root"
state = "${home}/state"
[grpc]
  address = "${socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${home}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  disable_tcp_service = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "${overlay ? 'overlayfs' : 'native'}"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        Root = "${home}/runc"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${home}/cni-bin"
    conf_dir = "${home}/cni-conf"
`;
}

/** Not every file system can carry layers (an overlay of a container cannot): copies do everywhere. */
function canOverlay(home: string): boolean {
  const probe = path.join(home, 'probe');
  const at = (name: string) => path.join(probe, name);
  for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(at(name), { recursive: true });
  const options = `lowerdir=${at('lower')},upperdir=${at('upper')},workdir=${at('work')}`;
  const mounted = spawnSync('mount', ['-t', 'overlay', 'overlay', '-o', options, at('merged')]).status === 0;
  if (mounted) spawnSync('umount', [at('merged')]);
  rmSync(probe, { recursive: true, force: true });
  return mounted;
}
