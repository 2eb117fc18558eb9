// The images that come with Portico, and names that stand for programs of the host.
import { NODE_IN_POD, PROGRAM_IN_POD, WEB_IN_POD } from '../runtime/mask-layer.ts';
import type { CatalogEntry } from './contract.ts';

/** Less memory, fewer threads: a node runs many of them. */
const SMALL_NODE = [NODE_IN_POD, '--v8-pool-size=0', '--max-semi-space-size=1', '--max-old-space-size=64'];
const WEB = [...SMALL_NODE, WEB_IN_POD];
/** With a terminal a shell, else it sleeps until somebody execs into it. Ends at once on SIGTERM; as process 1 a plain `sleep` would ignore it. */
const SHELL = [
  '/bin/sh',
  '-c',
  "[ -t 0 ] && exec /bin/bash; trap 'exit 0' TERM INT; while :; do sleep 86400 & wait $!; done",
];
const SLEEP = ['/bin/sh', '-c', "trap 'exit 0' TERM INT; while :; do sleep 86400 & wait $!; done"];
/** Curly braces stand for facts of the pod. */
const WEB_ENV = {
  UV_THREADPOOL_SIZE: '1',
  POD_NAME: '{pod.name}',
  POD_NAMESPACE: '{pod.namespace}',
  NODE_NAME: '{node.name}',
};
/** The compiled code that `bin/portico` keeps, found from where the pod sees it. */
const DNS_ENV = {
  NODE_COMPILE_CACHE: `${PROGRAM_IN_POD}/node_modules/.cache/portico`,
  NODE_COMPILE_CACHE_PORTABLE: '1',
};
const node = { needs: { node: true } };

/** `main`: the program's entry file below its root, e.g. `src/cli/main.ts`. */
export function builtinEntries(main: string): CatalogEntry[] {
  // Queries leave little garbage: a larger young generation would only be memory (half of it in a large cluster).
  const dns = [
    NODE_IN_POD,
    '--disable-warning=ExperimentalWarning',
    '--max-semi-space-size=2',
    `${PROGRAM_IN_POD}/${main}`,
    'dns',
  ];
  const host = (image: string, entrypoint: string[], args: string[], pkg: string): CatalogEntry => ({
    image,
    entrypoint,
    args,
    requires: { program: entrypoint[0] ?? '', package: pkg },
  });
  const agnhost = (image: string): CatalogEntry => ({ image, entrypoint: WEB, args: ['pause'], ...node });
  return [
    { image: 'portico/web', entrypoint: WEB, args: [], ...node, env: WEB_ENV },
    { image: 'portico/shell', entrypoint: [], args: SHELL },
    { image: 'portico/dns', entrypoint: dns, args: [], needs: { node: true, program: true }, env: DNS_ENV },
    { image: 'pause', entrypoint: SLEEP, args: [] },
    { image: 'registry.k8s.io/pause', entrypoint: SLEEP, args: [] },
    agnhost('agnhost'),
    agnhost('registry.k8s.io/e2e-test-images/agnhost'),
    { image: 'registry.k8s.io/e2e-test-images/jessie-dnsutils', entrypoint: [], args: SLEEP },
    // A shell without a terminal ends at once, as it does in the real image.
    { image: 'busybox', entrypoint: [], args: ['/bin/sh'] },
    { image: 'registry.k8s.io/e2e-test-images/busybox', entrypoint: [], args: ['/bin/sh'] },
    { image: 'alpine', entrypoint: [], args: ['/bin/sh'] },
    { image: 'debian', entrypoint: [], args: ['/bin/bash'] },
    { image: 'ubuntu', entrypoint: [], args: ['/bin/bash'] },
    { image: 'node', entrypoint: [NODE_IN_POD], args: [], ...node },
    host('nginx', ['nginx'], ['-g', 'daemon off; error_log /dev/stderr;'], 'nginx'),
    host('httpd', ['apache2ctl'], ['-D', 'FOREGROUND'], 'apache2'),
    host('caddy', ['caddy'], ['file-server', '--root', '/usr/share/caddy'], 'caddy'),
    host('haproxy', ['haproxy'], ['-W', '-db', '-f', '/etc/haproxy/haproxy.cfg'], 'haproxy'),
    host('redis', ['redis-server'], [], 'redis-server'),
    host('memcached', ['memcached'], ['-u', 'root'], 'memcached'),
    host('python', ['python3'], [], 'python3'),
    host('curlimages/curl', ['curl'], [], 'curl'),
  ];
}
