// The process under test, driven by messages: a DNS server on a synthetic cluster or on the API server of a kubeconfig,
// or a bare UDP echo for comparison.
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import process from 'node:process';
import { createClient, loadKubeconfig } from '../../src/client/index.ts';
import { defaultBlock, defaultDnsConfig, startDns } from '../../src/dns/index.ts';
import { syntheticCluster } from './synthetic-client.ts';

/** `services` is the kubeconfig's file for `dns-live`. */
const [mode = 'dns', services = '10000', endpointsEach = '10'] = process.argv.slice(2);

async function dns(): Promise<void> {
  const cluster = mode === 'dns-live' ? undefined : syntheticCluster(Number(services), Number(endpointsEach));
  const started = performance.now();
  const { health: _h, ready: _r, metrics: _m, ...config } = defaultDnsConfig();
  const server = await startDns({
    client: cluster?.client ?? createClient(loadKubeconfig(services)),
    config: { ...config, reloadMs: 0, blocks: [defaultBlock({ forward: [], loop: false })] },
    listen: { addresses: ['127.0.0.1'], port: 0, batch: mode !== 'dns-single' },
  });
  await server.synced;
  process.on('message', (message: { change?: [number, string]; relist?: boolean }) => {
    if (message.change !== undefined) cluster?.change(...message.change);
    if (message.relist === true) cluster?.relist();
  });
  process.send?.({ port: server.port, syncedMs: performance.now() - started });
}

/** The least that a UDP server in this runtime can do: the same bytes back, marked as a reply. */
function echo(): void {
  const literal = (address: string, _o: unknown, done: (e: null, a: string, f: number) => void) =>
    done(null, address, isIPv6(address) ? 6 : 4);
  const socket = createSocket({ type: 'udp4', lookup: literal as never });
  socket.on('message', (packet, client) => {
    packet[2] = 0x80;
    socket.send(packet, 0, packet.length, client.port, client.address);
  });
  socket.bind(0, '127.0.0.1', () => {
    socket.setRecvBufferSize(4 * 1024 * 1024);
    process.send?.({ port: socket.address().port, syncedMs: 0 });
  });
}

// A bench that ended early takes this process with it.
process.on('disconnect', () => process.exit(0));
if (mode === 'echo') echo();
else await dns();
