// Which questions a view takes: expressions as a table, mistakes, and blocks that share a zone over real sockets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DnsConfigError } from '../config/config.ts';
import { parseCorefile } from '../config/corefile/parse-corefile.ts';
import { askTcp, askUdp } from '../testing/ask.ts';
import { FIXTURE_F } from '../testing/fixture-f.ts';
import { startTestServer, testBlock, testConfig } from '../testing/test-server.ts';
import { compileView } from './view.ts';
import type { QuestionFacts } from './view.ts';

const FACTS: QuestionFacts = {
  id: 17,
  opcode: 0,
  name: 'abc.x.example.com.',
  type: 'AAAA',
  class: 'IN',
  clientAddress: '::ffff:10.1.2.3',
  clientPort: 5353,
  serverPort: 53,
  proto: 'tcp',
  size: 44,
  bufsize: 1232,
  dnssecOk: true,
};
const takes = (expression: string, facts: Partial<QuestionFacts> = {}) =>
  compileView({ name: 'v', when: [expression] })({ ...FACTS, ...facts });

test('expressions', () => {
  const rows: [string, boolean][] = [
    ["incidr(client_ip(), '10.0.0.0/8')", true],
    ["incidr(client_ip(), '192.168.0.0/16')", false],
    ["incidr(client_ip(), 'fd00::/8') or client_ip() == '10.1.2.3'", true],
    ["type() in ['A', 'AAAA']", true],
    ["type() not in ['A', 'AAAA']", false],
    ["not (type() in ['A'])", true],
    ["name() matches '^abc\\\\..*\\\\.example\\\\.com\\\\.$'", true],
    ["name() not matches '^abd'", true],
    ["name() startsWith 'abc.' && name() endsWith '.com.' and name() contains '.x.'", true],
    ["(type() == 'A' && name() == 'example.com') || client_ip() == '1.2.3.4'", false],
    ['bufsize() >= 1232 and size() < 45 and id() == 17 and opcode() == 0', true],
    ["do() && proto() == 'tcp' && class() == 'IN'", true],
    ["!do() || port() != '5353'", false],
    ["server_port() == '53'", true],
    ['size() in 40..50', true],
    ['size() % 10 == 2 + 2 and -1 < 0', true],
    ['2 + 3 * 2 == 8', true],
    ["do() ? type() == 'AAAA' : false", true],
    ["upper(name()) == 'ABC.X.EXAMPLE.COM.' and len([1, 2]) == 2", true],
    ['false and true or true', true],
    ['not do() == false', true],
  ];
  for (const [expression, expected] of rows) assert.equal(takes(expression), expected, expression);
  assert.equal(takes("client_ip() == '[fd00::1]'", { clientAddress: 'fd00::1' }), true);
  assert.equal(takes("incidr(client_ip(), 'fd00::/8')", { clientAddress: 'fd00::1' }), true);
});

test('mistakes in a view name the line', () => {
  const rows: [string, RegExp][] = [
    ["nme() == 'x'", /line 3: expr: there is no function "nme"; bufsize, class, /],
    ['name()', /"name\(\)" is neither true nor false/],
    ["name() == 'x", /"'x" cannot be read/],
    ["name() == 'x' 'y'", /"y" stands in the wrong place/],
    ['incidr(client_ip())', /incidr\(\) takes 2 values, not 1/],
    ["incidr(client_ip(), '10.0.0.0/99')", /"10\.0\.0\.0\/99" is no network/],
    ["name() matches '('", /Invalid regular expression/],
    ["size() startsWith 'x'", /44|40 is no text/],
    ["server_ip() == 'x'", /no function "server_ip"/],
    ['(true', /"\)" is missing/],
    ['true and', /ends too early/],
  ];
  for (const [expression, message] of rows)
    assert.throws(
      () => parseCorefile(`. {\n view v {\n expr ${expression}\n }\n}`),
      (error) => error instanceof DnsConfigError && message.test(error.message),
      expression,
    );
  assert.throws(
    () => parseCorefile('. {\n}\n. {\n view v {\n expr true\n }\n}'),
    /line 3: a block above answers everything in \./,
  );
  assert.throws(() => parseCorefile('. {\n view v {\n }\n}'), /an expression is missing/);
  assert.throws(
    () => parseCorefile('. {\n view a"b {\n expr true\n }\n}'),
    /line 3: expr: the name "a"b" may have letters/,
  );
});

test('blocks of one zone: the first whose view takes the question answers', async () => {
  const { blocks } = parseCorefile(`
. {
  view tcp {
    expr proto() == 'tcp'
    expr incidr(client_ip(), '127.0.0.0/8')
  }
  hosts {
    1.1.1.1 test
  }
}
. {
  view elsewhere {
    expr incidr(client_ip(), '192.168.0.0/16')
  }
  hosts {
    2.2.2.2 test
  }
}
. {
  hosts {
    3.3.3.3 test
    fallthrough
  }
}
private.test {
  view nobody {
    expr false
  }
  hosts {
    4.4.4.4 x.private.test
  }
}`);
  const cluster = {
    ...testBlock({}),
    zones: testBlock({}).kubernetes?.zones ?? [],
    view: { name: 'in', when: ["type() == 'A'"] },
  };
  await using running = await startTestServer(FIXTURE_F, {
    options: { config: { ...testConfig(testBlock({})), blocks: [...blocks, cluster] } },
  });
  const { port } = running.server;
  assert.deepEqual((await askTcp(port, 'test. A')).answers, ['test. 3600 A 1.1.1.1']);
  assert.deepEqual((await askUdp(port, 'test. A')).answers, ['test. 3600 A 3.3.3.3']);
  // The longer zone is for nobody: the shorter one is asked.
  assert.equal((await askUdp(port, 'x.private.test. A')).rcode, 'REFUSED');
  const name = 'svc1.testns.svc.cluster.local.';
  assert.deepEqual((await askUdp(port, `${name} A`)).answers, [`${name} 30 A 10.0.0.1`]);
  assert.equal((await askUdp(port, `${name} SRV`)).rcode, 'REFUSED');
  const page = running.metrics.render();
  assert.match(
    page,
    /coredns_dns_requests_total\{server="dns:\/\/:53",zone="\.",view="tcp",proto="tcp",family="1",type="A"\} 1/,
  );
  assert.match(
    page,
    /coredns_dns_requests_total\{server="dns:\/\/:53",zone="cluster\.local\.",view="in",proto="udp",family="1",type="A"\} 1/,
  );
  assert.match(page, /coredns_plugin_enabled\{server="dns:\/\/:53",zone="\.",view="elsewhere",name="hosts"\} 1/);
});
