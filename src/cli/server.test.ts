import assert from 'node:assert/strict';
import { test } from 'node:test';

import { UserError } from '../errors/index.ts';
import { parseCommand } from './command.ts';
import { command } from './server.ts';

const start = (...argv: string[]) => command.run(parseCommand('server', command, argv));

test('an address that nodes cannot use is refused before anything starts, and says why', async () => {
  for (const [argv, says] of [
    [['--advertise-address', '127.0.0.1'], /127\.0\.0\.1: nodes and pods cannot reach that/],
    [['--advertise-address', '::'], /nodes and pods cannot reach that/],
    [['--advertise-address', 'host-1'], /host-1: not an address such as/],
    [['--advertise-address', '10.96.3.4'], /--service-cidr 10\.96\.0\.0\/12 contains this host's own address/],
    [['--advertise-address', '192.0.2.1', '--pod-cidr', '10.100.0.0/16'], /overlap/],
  ] as const) {
    await assert.rejects(
      async () => start(...argv),
      (e) => e instanceof UserError && says.test(e.message),
    );
  }
});
