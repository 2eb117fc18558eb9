// A containerd of one's own: everything in one folder, images made on the spot, ended and swept by the test.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createGrpcClient } from '../../grpc/index.ts';
import { cri } from '../cri/api.ts';
import { busyboxImage, type ImageOptions } from './busybox-image.ts';

export interface TestContainerd {
  readonly endpoint: string;
  /** Ends the daemon as a crash does; containers go on. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends every pod, then the daemon. */
  stop(): Promise<void>;
}

const PAUSE = 'localhost/pause:1';

/** Plugins are looked for in `<dir>/cni-bin`, networks in `<dir>/cni-conf`. */
export async function startContainerd(dir: string, images: readonly ImageOptions[]): Promise<TestContainerd> {
  const at = (name: string) => path.join(dir, name);
  for (const name of ['cni-bin', 'cni-conf']) mkdirSync(at(name), { recursive: true });
  const socket = at('containerd.sock');
  writeFileSync(
    at('config.toml'),
    `version = 2
root = "${at('root')}"
state = "${at('state')}"
[grpc]
  address = "${socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${at('opt')}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE}"
  restrict_oom_score_adj = true
  disable_tcp_service = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${at('cni-bin')}"
    conf_dir = "${at('cni-conf')}"
`,
  );
  const grpc = createGrpcClient({ unixPath: socket });
  let child: ReturnType<typeof spawn> | undefined;
  const start = async () => {
    child = spawn('containerd', ['--config', at('config.toml'), '--log-level', 'error'], {
      stdio: ['ignore', 'ignore', process.env['SHOW'] === undefined ? 'ignore' : 'inherit'],
    });
    const end = performance.now() + 15_000;
    for (;;) {
      try {
        await grpc.unary(cri.version, {}, { timeoutMs: 1000 });
        return;
      } catch (error) {
        if (performance.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  const kill = async () => {
    const ended = new Promise((resolve) => child?.once('exit', resolve));
    if (child?.kill('SIGKILL') === true) await ended;
  };
  await start();
  writeFileSync(at('images.tar'), busyboxImage([{ name: PAUSE, entrypoint: ['/bin/sleep', '2147483647'] }, ...images]));
  execFileSync('ctr', ['-a', socket, '-n', 'k8s.io', 'images', 'import', at('images.tar')], { stdio: 'pipe' });
  return {
    endpoint: `unix://${socket}`,
    kill,
    start,
    async stop() {
      // A test that failed half-way may have left it killed.
      if (child?.exitCode !== null || child.signalCode !== null) await start();
      const { items } = await grpc.unary(cri.listPodSandbox, {});
      for (const { id } of items) {
        await grpc.unary(cri.stopPodSandbox, { podSandboxId: id });
        await grpc.unary(cri.removePodSandbox, { podSandboxId: id });
      }
      grpc.close();
      await kill();
      sweepCgroups();
    },
  };
}

/** containerd's default parent, where nothing of others is in it. */
function sweepCgroups(): void {
  const root = '/sys/fs/cgroup';
  for (const dir of [root, ...readdirSync(root).map((name) => path.join(root, name))]) {
    try {
      rmdirSync(path.join(dir, 'k8s.io'));
    } catch {
      // Not there, or in use.
    }
  }
}
