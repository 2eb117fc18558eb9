// `portico dns` as a process: several addresses, threads and batches, SIGHUP, SIGTERM; and what it says of mistakes.
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { queryDns } from '../dns/index.ts';
import { formatRdata, rcodeName } from '../dnswire/index.ts';

const portico = path.join(import.meta.dirname, '..', '..', 'bin', 'portico');
const folder = mkdtempSync(path.join(tmpdir(), 'portico-dns-command-'));
after(() => rmSync(folder, { recursive: true }));

const corefile = (address: string) => `. {
    hosts {
        ${address} printer.lan
    }
    health 127.0.0.1:0 {
        lameduck 1s
    }
}
`;

/** Starts the command and waits until it answers; `port` is what the kernel chose. */
async function start(...args: string[]): Promise<{ child: ChildProcess; port: number; log: () => string }> {
  const child = spawn(portico, ['dns', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  for (;;) {
    const port = /"msg":"answering".*"port":(\d+)/.exec(log)?.[1];
    if (port !== undefined) return { child, port: Number(port), log: () => log };
    if (child.exitCode !== null) throw new Error(`portico dns ${args.join(' ')}: ended\n${log}`);
    await sleep(20);
  }
}

async function ask(server: string, port: number, transport: 'udp' | 'tcp'): Promise<string> {
  const { message } = await queryDns({ server, port, name: 'printer.lan', transport });
  const [record] = message.answers;
  return record === undefined ? rcodeName(message.rcode) : formatRdata(record.type, record.rdata);
}

for (const [what, flags] of [
  ['one thread, a system call a packet', ['--no-batch']],
  ['three threads that receive in batches', ['--workers', '3']],
] as const)
  test(`several addresses, SIGHUP and SIGTERM: ${what}`, async () => {
    const file = path.join(folder, 'Corefile');
    writeFileSync(file, corefile('192.0.2.1'));
    const listen = ['--listen', '127.0.0.1:0', '--listen', '127.0.0.2:0'];
    const { child, port, log } = await start('--config', file, ...listen, ...flags);
    // Each question comes from another port, so the kernel spreads them over the threads.
    const everywhere = () =>
      Promise.all(
        ['127.0.0.1', '127.0.0.2'].flatMap((server) =>
          (['udp', 'tcp'] as const).flatMap((transport) =>
            Array.from({ length: 12 }, () => ask(server, port, transport)),
          ),
        ),
      );
    try {
      assert.deepEqual([...new Set(await everywhere())], ['192.0.2.1']);
      writeFileSync(file, corefile('192.0.2.2'));
      child.kill('SIGHUP');
      // Each thread takes it over by itself.
      let answers = new Set<string>();
      for (let i = 0; i < 200 && !(answers.size === 1 && answers.has('192.0.2.2')); i++) {
        answers = new Set(await everywhere());
        await sleep(20);
      }
      assert.deepEqual([...answers], ['192.0.2.2'], log());
      writeFileSync(file, '. {\n    nonsense here\n}\n');
      child.kill('SIGHUP');
      for (let i = 0; i < 200 && !log().includes('the old one stays'); i++) await sleep(20);
      assert.match(log(), /the new configuration cannot be used: the old one stays.*nonsense/);
      assert.deepEqual([...new Set(await everywhere())], ['192.0.2.2']);
      child.kill('SIGTERM');
      assert.deepEqual([...new Set(await everywhere())], ['192.0.2.2'], 'a lame duck answers');
      const [code] = (await once(child, 'exit')) as [number | null];
      assert.equal(code, 0, log());
    } finally {
      child.kill('SIGKILL');
    }
  });

test('what cannot be started is one sentence', () => {
  const file = path.join(folder, 'bad.yaml');
  writeFileSync(file, 'cache: { maxTtlSeconds: soon }\n');
  const rows: [args: string[], says: RegExp][] = [
    [['--config', file], /^portico: --config .*bad\.yaml: .*maxTtlSeconds/],
    [['--config', path.join(folder, 'none')], /^portico: --config .*none: .*no such file/i],
    [['--listen', '127.0.0.1:1', '--listen', '127.0.0.1:2'], /the same port/],
    [['--workers', '0'], /--workers 0: give 1 to 64/],
    [['web'], /did you mean 'portico dns query web'/],
  ];
  for (const [args, says] of rows) {
    const { status, stderr } = spawnSync(portico, ['dns', ...args], { encoding: 'utf8', timeout: 30_000 });
    assert.equal(status, 1, args.join(' '));
    assert.match(stderr, says);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  }
});
