import assert from 'node:assert/strict';
import { test } from 'node:test';

import { UserError } from '../errors/index.ts';
import {
  helpText,
  integerFlag,
  listFlag,
  parseCommand,
  requiredFlag,
  stringFlag,
  switchFlag,
  type Command,
} from './command.ts';

const command: Command = {
  usage: 'FROM [flags]',
  summary: 'Does it.',
  positionals: true,
  flags: {
    count: { value: 'N', short: 'n', help: 'How many.' },
    cidr: { value: 'CIDR', multiple: true, help: 'Ranges.' },
    quick: { help: 'Hurry.' },
  },
  run: () => Promise.resolve(0),
};

test('parseCommand() reads values, lists, switches and positionals', () => {
  const parsed = parseCommand('do', command, ['here', '-n', '3', '--cidr', 'a,b', '--cidr=c', '--quick']);
  assert.equal(integerFlag(parsed, 'count'), 3);
  assert.deepEqual(listFlag(parsed, 'cidr'), ['a', 'b', 'c']);
  assert.equal(parsed.flags['quick'], true);
  assert.deepEqual(parsed.positionals, ['here']);
  assert.equal(stringFlag(parsed, 'absent'), undefined);
});

test('a switch may be written as Go programs take it', () => {
  const quick = (...argv: string[]) => switchFlag(parseCommand('do', command, argv), 'quick');
  assert.deepEqual([quick(), quick('--quick=true'), quick('--quick=false')], [undefined, true, false]);
});

test('a wrong flag is one sentence that says where help is', () => {
  for (const [argv, says] of [
    [['--quikc'], /Unknown option '--quikc'; see 'portico do --help'/],
    [['--count'], /'-n, --count <value>' argument missing/],
    [['--quick=yes'], /'--quick' does not take an argument/],
    [['--count', '-1'], /^--count wants a value; one that begins with '-' is written --count=-…; see/],
  ] as const) {
    assert.throws(
      () => parseCommand('do', command, argv),
      (e) => e instanceof UserError && says.test(e.message) && !e.message.includes('\n'),
    );
  }
  assert.throws(
    () => integerFlag(parseCommand('do', command, ['-n', '1.5']), 'count'),
    /--count 1.5: give a whole number/,
  );
  assert.throws(() => requiredFlag(parseCommand('do', command, []), 'count'), /--count is required/);
});

test('an argument that nobody reads is refused, except beside --help', () => {
  const { positionals: _, ...flagsOnly } = command;
  assert.throws(
    () => parseCommand('do', flagsOnly, ['--quick', 'now']),
    (e) => e instanceof UserError && /^'now' is not a flag.*'portico do --help'$/.test(e.message),
  );
  assert.equal(parseCommand('do', flagsOnly, ['now', '--help']).flags['help'], true);
});

test('helpText() lists every flag once, with its value and help', () => {
  assert.equal(
    helpText('do', command),
    [
      'Usage: portico do FROM [flags]',
      '',
      'Does it.',
      '',
      'Flags:',
      '  -n, --count N  How many.',
      '  --cidr CIDR    Ranges.',
      '  --quick        Hurry.',
      '  -h, --help     Show this help.',
      '',
    ].join('\n'),
  );
});

test('a pass-through command gets its arguments untouched', () => {
  const parsed = parseCommand('kubectl', { ...command, passThrough: true }, ['get', '-o', 'wide', '--help']);
  assert.deepEqual(parsed.positionals, ['get', '-o', 'wide', '--help']);
});
