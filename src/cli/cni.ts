import process from 'node:process';

import { DEFAULT_CNI_SOCKET, installCni, uninstallCni } from '../cni/index.ts';
import { UserError } from '../errors/index.ts';
import { stringFlag, type Command } from './command.ts';

export const command: Command = {
  usage: 'install|uninstall [flags]',
  summary: "Lets container runtimes of this host use the node's pod network, by a CNI plugin that asks the agent.",
  positionals: true,
  flags: {
    'cni-bin-dir': { value: 'DIR', help: 'Where runtimes look for plugins (default /opt/cni/bin).' },
    'cni-conf-dir': { value: 'DIR', help: 'Where runtimes look for networks (default /etc/cni/net.d).' },
    socket: { value: 'PATH', help: `Where the agent listens, its --cni-socket (default ${DEFAULT_CNI_SOCKET}).` },
    'network-name': { value: 'NAME', help: 'Name of the network (default portico).' },
  },
  run(parsed) {
    const places = {
      binDir: stringFlag(parsed, 'cni-bin-dir') ?? '/opt/cni/bin',
      confDir: stringFlag(parsed, 'cni-conf-dir') ?? '/etc/cni/net.d',
    };
    const [what, ...more] = parsed.positionals;
    if ((what !== 'install' && what !== 'uninstall') || more.length > 0) {
      throw new UserError("say 'portico cni install' or 'portico cni uninstall'");
    }
    const install = what === 'install';
    const files = install
      ? installCni({
          ...places,
          socket: stringFlag(parsed, 'socket') ?? DEFAULT_CNI_SOCKET,
          network: stringFlag(parsed, 'network-name') ?? 'portico',
        })
      : uninstallCni(places);
    for (const file of files) process.stdout.write(`${install ? 'wrote' : 'removed'} ${file}\n`);
    if (!install && files.length === 0) process.stdout.write('nothing of ours is there\n');
    return Promise.resolve(0);
  },
};
