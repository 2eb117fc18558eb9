// The same hosts on etcd: three members on hosts and disks of their own, the state of the one server moved there by
// `portico store migrate`, and two servers on it.
import path from 'node:path';

import { startEtcd, type EtcdCluster } from '../../src/store/testing/etcd-cluster.ts';
import { must, portico } from './cluster-fixture.ts';
import { makeDisk } from './hosts-disk.ts';
import { addressOf, MEMBERS, type Hosts } from './hosts-fixture.ts';

/** Room for the files that etcd makes in advance. */
const DISK_MEGABYTES = 400;

/** @returns what `store migrate` printed, and etcd; it ends with the hosts. */
export async function moveToEtcd(hosts: Hosts): Promise<{ printed: string; etcd: EtcdCluster }> {
  for (const member of MEMBERS) {
    hosts.disks.set(member, makeDisk(path.join(hosts.dir, `${member}-disk`), DISK_MEGABYTES));
  }
  const etcd = await startEtcd({
    members: MEMBERS.map((member) => ({
      clientUrl: `http://${addressOf(member)}:2379`,
      peerUrl: `http://${addressOf(member)}:2380`,
      enter: ['ip', 'netns', 'exec', hosts.netns(member)],
      dataDir: path.join(hosts.dir, `${member}-disk`, 'data'),
    })),
  });
  hosts.endings.push(() => etcd.close());
  for (const [i, member] of MEMBERS.entries()) {
    const process_ = etcd.members[i];
    if (process_ === undefined) throw new Error(`no ${member}`);
    hosts.members.set(member, { ...process_, endedByItself: 0, stop: () => process_.kill() });
  }
  await hosts.server.stop();
  const database = path.join(hosts.dir, 'server-disk', 'server', 'portico.db');
  const enter = ['netns', 'exec', hosts.netns('server'), portico];
  const printed = must('ip', [...enter, 'store', 'migrate', '--from', database, '--to', etcd.url]);
  await hosts.placeServer('server', etcd.url);
  await hosts.placeServer('server-2', etcd.url);
  return { printed, etcd };
}
