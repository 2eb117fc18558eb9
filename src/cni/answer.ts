// Answers one call of the plugin. Every command may come again, and after an agent or a container was killed.
import { errorText } from '../errors/index.ts';
import { netnsExists, openRtnl } from '../linux/index.ts';
import { cniCode, CniError } from './cni-error.ts';
import type { CniNetwork } from './contract.ts';
import type { CniRequest } from './request.ts';
import { SUPPORTED_VERSIONS } from './request.ts';
import { addResult } from './result.ts';

const PREFIX = 'cni/';
const uidOf = (network: string, containerId: string, ifname: string) => `${PREFIX}${network}/${containerId}/${ifname}`;

/** The JSON to print; undefined: nothing is printed. @throws CniError */
export async function answer(request: CniRequest, network: CniNetwork): Promise<object | undefined> {
  if (request.command === 'VERSION') {
    return { cniVersion: request.config.cniVersion, supportedVersions: SUPPORTED_VERSIONS };
  }
  if (request.config.type === 'loopback') return answerLoopback(request);
  switch (request.command) {
    case 'ADD':
      return add(request, network);
    case 'CHECK':
      check(request, network);
      return undefined;
    case 'DEL':
      await failing(() => network.detach(uidOfRequest(request)));
      return undefined;
    case 'GC':
      await collect(request, network);
      return undefined;
    case 'STATUS':
      if (!network.ready())
        throw new CniError(cniCode.NOT_AVAILABLE, `no container can be added: ${network.problem()}`);
      return undefined;
  }
}

function uidOfRequest({ config, containerId, ifname }: CniRequest): string {
  return uidOf(config.name, containerId, ifname);
}

/** What the kernel says becomes an error with a code. */
async function failing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new CniError(cniCode.NETWORK_FAILURE, errorText(error));
  }
}

function requireNetns(netns: string): void {
  if (netnsExists(netns)) return;
  throw new CniError(cniCode.INVALID_ENVIRONMENT, `CNI_NETNS ${netns} is no network namespace`);
}

async function add(request: CniRequest, network: CniNetwork): Promise<object> {
  const { netns, ifname, args, config, containerId } = request;
  requireNetns(netns);
  if (!network.ready()) {
    throw new CniError(cniCode.TRY_LATER, `the pod network is not ready: ${network.problem()}`);
  }
  const attached = await failing(() =>
    network.attach({
      uid: uidOfRequest(request),
      namespace: args.get('K8S_POD_NAMESPACE') ?? config.name,
      name: args.get('K8S_POD_NAME') ?? containerId,
      hostPorts: config.hostPorts,
      into: { netns, device: ifname },
    }),
  );
  return addResult({ cniVersion: config.cniVersion, netns, ifname, attached });
}

function check(request: CniRequest, network: CniNetwork): void {
  const uid = uidOfRequest(request);
  const known = network.attachments().get(uid);
  if (known === undefined) {
    throw new CniError(
      cniCode.UNKNOWN_CONTAINER,
      `container ${request.containerId} has no attachment ${request.ifname}`,
    );
  }
  const faults = [...network.check(uid)];
  const { previousIps } = request.config;
  if (previousIps === undefined) {
    throw new CniError(cniCode.INVALID_CONFIG, 'CHECK needs prevResult, the result of ADD');
  }
  for (const ip of known.ips) if (!previousIps.includes(ip)) faults.push(`prevResult lacks the address ${ip}`);
  if (faults.length > 0) throw new CniError(cniCode.CHECK_FAILED, faults[0] ?? '', faults.slice(1).join('; '));
}

/** Attachments of this network that the runtime does not know any more go. */
async function collect({ config }: CniRequest, network: CniNetwork): Promise<void> {
  // Without the list nothing can be told apart; taking it for empty would take every container off the network.
  if (config.validAttachments === undefined) {
    throw new CniError(cniCode.INVALID_CONFIG, 'GC needs the list "cni.dev/valid-attachments"');
  }
  const valid = new Set(config.validAttachments.map((a) => uidOf(config.name, a.containerId, a.ifname)));
  const ours = [...network.attachments().keys()].filter((uid) => uid.startsWith(`${PREFIX}${config.name}/`));
  for (const uid of ours) if (!valid.has(uid)) await failing(() => network.detach(uid));
}

/** The plugin `loopback`, which runtimes expect beside every other: the device is there, it only has to be raised. */
function answerLoopback({ command, netns, config }: CniRequest): object | undefined {
  if (command !== 'ADD' && command !== 'CHECK') return undefined;
  requireNetns(netns);
  const rtnl = openRtnl(netns);
  try {
    if (command === 'ADD') rtnl.setLink('lo', { up: true });
    else if (rtnl.link('lo')?.up !== true) throw new CniError(cniCode.CHECK_FAILED, 'the loopback device is down');
  } finally {
    rtnl.close();
  }
  if (command === 'CHECK') return undefined;
  return {
    cniVersion: config.cniVersion,
    interfaces: [{ name: 'lo', mac: '00:00:00:00:00:00', sandbox: netns }],
    ips: [{ ...(config.cniVersion < '1.0.0' ? { version: '4' } : {}), interface: 0, address: '127.0.0.1/8' }],
    routes: [],
    dns: {},
  };
}
