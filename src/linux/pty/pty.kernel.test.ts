import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { isErrno, openPty } from '../index.ts';

describe('openPty', () => {
  it('gives a child a terminal: size, echo, input, end', async () => {
    const pty = openPty();
    pty.resize({ columns: 101, rows: 37 });
    const child = spawn('setsid', ['--ctty', '--wait', 'sh', '-c', 'stty size; read word; echo "got $word"; tty'], {
      stdio: [pty.slaveFd, pty.slaveFd, pty.slaveFd],
    });
    pty.closeSlave();
    let text = '';
    pty.stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (/37 101/.test(text) && !text.includes('hello')) pty.stream.write('hello\n');
    });
    const [status] = (await once(child, 'close')) as [number];
    if (!pty.stream.readableEnded) await once(pty.stream, 'end');
    assert.equal(status, 0);
    assert.match(text, /37 101\r\n/);
    assert.match(text, /got hello\r\n/);
    assert.match(text, new RegExp(`/dev/pts/${pty.number}\\r\\n`));
    pty.close();
  });

  it('takes a size that comes late: the program has ended, what it showed is not read yet', async () => {
    const pty = openPty();
    const child = spawn('sh', ['-c', 'echo bye'], { stdio: [pty.slaveFd, pty.slaveFd, pty.slaveFd] });
    pty.closeSlave();
    // Nobody is fast: the descriptor is closed by the end of the terminal, not by us.
    pty.stream.resume();
    await Promise.all([once(child, 'close'), once(pty.stream, 'end')]);
    for (let turn = 0; turn < 20; turn++) {
      pty.resize({ columns: 80, rows: 24 });
      await new Promise((resolve) => setImmediate(resolve));
    }
    pty.close();
    pty.resize({ columns: 80, rows: 24 });
  });

  it('says which terminal device is missing', () => {
    assert.throws(
      () => openPty({ ptmx: '/proc/self/no-such-ptmx' }),
      (error) => isErrno(error, 'ENOENT') && String(error).includes('/proc/self/no-such-ptmx'),
    );
    assert.throws(
      () => openPty({ ptmx: '/dev/null' }),
      (error) => isErrno(error, 'ENOTTY'),
    );
  });
});
