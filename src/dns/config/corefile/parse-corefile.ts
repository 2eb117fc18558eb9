// From a Corefile to the configuration: the plugins of the default kubeadm file and those people add to it. What would
// change answers and is not known here is an error; what only tunes CoreDNS itself is a warning.
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { formatName } from '../../../dnswire/index.ts';
import type { WireName } from '../../../dnswire/index.ts';
import { defaultBlock, defaultDnsConfig, DnsConfigError } from '../config.ts';
import type { BlockConfig, DnsConfig, ForwardBlockConfig, RewriteRule } from '../config.ts';
import { durationMs, integerOf, zonesOf } from '../values.ts';
import { view } from './view.ts';
import { aclRules, dns64, transferRule } from './access.ts';
import { file, header, template } from './answers.ts';
import { bindAddresses } from './bind.ts';
import { cache } from './cache.ts';
import { at, mistake } from './directive.ts';
import type { Mutable } from './directive.ts';
import { forward } from './forward.ts';
import { external, kubernetes } from './kubernetes.ts';
import { autopath, hosts } from './names.ts';
import { rewrite } from './rewrite.ts';
import { parseCorefileSyntax } from './syntax.ts';
import type { CoreBlock, CorefileOptions, Directive } from './syntax.ts';

/** `root`: the folder that relative paths begin in. */
type Draft = Mutable<BlockConfig> & { readonly root: string; forward: ForwardBlockConfig[]; rewrite: RewriteRule[] };
type Global = Mutable<DnsConfig> & { warnings: string[] };

/** @throws DnsConfigError with the line and what is wrong. */
export function parseCorefile(text: string, options: CorefileOptions = {}): DnsConfig {
  const { health: _h, ready: _r, metrics: _m, ...off } = defaultDnsConfig();
  const { blocks, warnings } = parseCorefileSyntax(text, options);
  const global: Global = { ...off, reloadMs: 0, warnings };
  if (blocks.length === 0) throw new DnsConfigError('the Corefile has no server block');
  const ports = new Set<number>();
  const parsed = blocks.map((block) => parseBlock(block, global, ports, options.folder ?? '.'));
  if (ports.size > 1)
    throw new DnsConfigError(
      `the Corefile listens on ports ${[...ports].join(' and ')}: one server has one port; start another for the other`,
    );
  checkViews(blocks, parsed);
  const addresses = bindAddresses(blocks);
  if (addresses !== undefined) global.addresses = addresses;
  return { ...global, port: [...ports][0] ?? 53, blocks: parsed };
}

/** Of blocks with the same zone only the last may be without a view: it would leave nothing to those behind it. */
function checkViews(blocks: readonly CoreBlock[], parsed: readonly BlockConfig[]): void {
  const taken = new Set<WireName>();
  for (const [i, { zones, view }] of parsed.entries())
    for (const zone of new Set(zones)) {
      if (taken.has(zone))
        throw new DnsConfigError(
          `${blocks[i]?.where ?? ''}: a block above answers everything in ${formatName(zone)}; give it a view, or leave one out`,
        );
      if (view === undefined) taken.add(zone);
    }
}

function parseBlock(block: CoreBlock, global: Global, ports: Set<number>, folder: string): BlockConfig {
  const { where } = block;
  const zones = block.keys.flatMap((key) => {
    const [, scheme, name = '', port] = /^(?:([a-z0-9]+):\/\/)?(.*?)(?::(\d+))?$/.exec(key) ?? [];
    if (scheme !== undefined && scheme !== 'dns')
      throw new DnsConfigError(`${where}: ${scheme}:// is not served; only plain DNS is`);
    ports.add(port === undefined ? 53 : integerOf(port, where, 1, 65535));
    return zonesOf(name === '' ? '.' : name, where);
  });
  const { kubernetes: _k, cache: _c, ...bare } = defaultBlock({ zones, forward: [], loop: false });
  const draft: Draft = {
    ...bare,
    forward: [],
    rewrite: [],
    root: path.resolve(folder, block.directives.findLast((d) => d.name === 'root')?.args[0] ?? '.'),
  };
  for (const directive of block.directives) apply(directive, draft, global);
  const { root: _root, ...config } = draft;
  return config;
}

type Apply = (d: Directive, draft: Draft, global: Global) => void;

const nothing: Apply = () => undefined;
/** Tuning of CoreDNS itself that has no meaning here. */
const ignored: Apply = (d, _draft, global) => {
  global.warnings.push(`${at(d)} has no effect here`);
};

const DIRECTIVES: Readonly<Record<string, Apply>> = {
  kubernetes: (d, draft) => {
    draft.kubernetes = kubernetes(d, draft.zones);
  },
  forward: (d, draft) => {
    draft.forward.push(forward(d));
  },
  cache: (d, draft) => {
    draft.cache = cache(d);
  },
  hosts: (d, draft) => {
    draft.hosts = hosts(d, draft.root);
  },
  rewrite: (d, draft) => {
    draft.rewrite.push(...rewrite(d));
  },
  autopath: (d, draft) => {
    draft.autopath = autopath(d);
  },
  template: (d, draft) => {
    draft.templates = [...draft.templates, template(d, draft.zones)];
  },
  view: (d, draft) => {
    draft.view = view(d, draft.view);
  },
  acl: (d, draft) => {
    draft.acl = [...draft.acl, ...aclRules(d, draft.zones)];
  },
  dns64: (d, draft) => {
    draft.dns64 = dns64(d);
  },
  transfer: (d, draft) => {
    draft.transfer = [...draft.transfer, transferRule(d, draft.zones)];
  },
  k8s_external: (d, draft) => {
    draft.external = external(d, draft.zones);
  },
  file: (d, draft) => {
    draft.files = [...draft.files, file(d, draft.zones, draft.root)];
  },
  loop: (_d, draft) => {
    draft.loop = true;
  },
  health: (d, _draft, global) => {
    const lameduck = d.block.find((o) => o.name === 'lameduck');
    const lameduckMs = lameduck === undefined ? 0 : durationMs(lameduck.args[0] ?? '', at(d));
    global.health = { ...listen(d, 8080), lameduckMs };
  },
  ready: (d, _draft, global) => {
    global.ready = listen(d, 8181);
  },
  prometheus: (d, _draft, global) => {
    global.metrics = listen(d, 9153);
  },
  reload: (d, _draft, global) => {
    global.reloadMs = d.args[0] === 'off' ? 0 : durationMs(d.args[0] ?? '30s', at(d));
  },
  log: (d, _draft, global) => {
    const classes = d.block.find((o) => o.name === 'class')?.args ?? ['all'];
    global.queryLog =
      classes.includes('all') || classes.includes('success') ? 'all' : classes.includes('denial') ? 'denial' : 'error';
  },
  multisocket: (d, _draft, global) => {
    global.sockets = d.args[0] === undefined ? availableParallelism() : integerOf(d.args[0], at(d), 1, 64);
  },
  header: (d, draft) => {
    draft.header = header(d, draft.header);
  },
  bufsize: (d, _draft, global) => {
    global.maxUdpSize = integerOf(d.args[0] ?? '1232', at(d), 512, 4096);
  },
  // Done always: errors are logged, addresses turn, ANY is minimised, CHAOS answers, one socket a worker.
  // Read before the others: their paths are relative to it.
  root: nothing,
  errors: nothing,
  loadbalance: nothing,
  any: nothing,
  chaos: nothing,
  minimal: nothing,
  nsid: nothing,
  cancel: nothing,
  metadata: nothing,
  debug: ignored,
  pprof: ignored,
  trace: ignored,
  timeouts: ignored,
  // Read for all blocks together: they share their sockets.
  bind: nothing,
};

function apply(d: Directive, draft: Draft, global: Global): void {
  const known = Object.hasOwn(DIRECTIVES, d.name) ? DIRECTIVES[d.name] : undefined;
  if (known === undefined) {
    const names = Object.keys(DIRECTIVES).toSorted().join(', ');
    throw new DnsConfigError(`${d.where}: plugin "${d.name}" is not known; known are ${names}`);
  }
  known(d, draft, global);
}

function listen(d: Directive, port: number): { address: string; port: number } {
  const text = d.args[0];
  if (text === undefined) return { address: '::', port };
  const [, host = '', number] = /^(?:\[?([^\]]*?)\]?):(\d+)$/.exec(text) ?? [];
  if (number === undefined) throw mistake(d, `"${text}" is no [address]:port`);
  return {
    address: host === '' ? '::' : host === 'localhost' ? '127.0.0.1' : host,
    port: integerOf(number, at(d), 0, 65535),
  };
}
