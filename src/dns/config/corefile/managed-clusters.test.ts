// The Corefiles that installers and managed clusters bring, word for word: they load without an error, and mean the same.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { formatName } from '../../../dnswire/index.ts';
import { parseDnsConfig } from '../parse-dns-config.ts';

const K3S = `.:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
      pods insecure
      fallthrough in-addr.arpa ip6.arpa
    }
    hosts /etc/coredns/NodeHosts {
      ttl 60
      reload 15s
      fallthrough
    }
    prometheus :9153
    cache 30
    loop
    reload
    loadbalance
    import /etc/coredns/custom/*.override
    forward . /etc/resolv.conf
}
import /etc/coredns/custom/*.server
`;

const EKS = `.:53 {
    errors
    health {
        lameduck 5s
      }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
      pods insecure
      fallthrough in-addr.arpa ip6.arpa
    }
    prometheus :9153
    forward . /etc/resolv.conf
    cache 30
    loop
    reload
    loadbalance
}
`;

const AKS = `.:53 {
    errors
    ready
    health {
      lameduck 5s
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
      pods insecure
      fallthrough in-addr.arpa ip6.arpa
      ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf
    cache 30
    loop
    reload
    loadbalance
    import custom/*.override
    template ANY ANY internal.cloudapp.net {
      match "^(?:[^.]+\\.){4,}internal\\.cloudapp\\.net\\.$"
      rcode NXDOMAIN
      fallthrough
    }
    template ANY ANY reddog.microsoft.com {
      rcode NXDOMAIN
    }
}
import custom/*.server
`;

const AKS_CUSTOM: Readonly<Record<string, string>> = {
  'log.override': '        log\n',
  'test.override': '          hosts {\n              10.0.0.1 example1.org\n              fallthrough\n          }\n',
  'puglife.server': `    puglife.local:53 {
        errors
        cache 30
        forward . 192.11.0.1  # this is my test/dev DNS server
    }
`,
  'domain.server': `<domain to be rewritten>.com:53 {
    log
    errors
    rewrite stop {
      name regex (.*)\\.<domain to be rewritten>.com {1}.default.svc.cluster.local
      answer name (.*)\\.default\\.svc\\.cluster\\.local {1}.<domain to be rewritten>.com
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
      pods insecure
      fallthrough in-addr.arpa ip6.arpa
    }
    forward . /etc/resolv.conf # you can redirect this to a specific DNS server such as 10.0.0.10
}
`.replaceAll('<domain to be rewritten>', 'rewritten'),
};

const nodeLocalBlock = (zone: string, cache: string, upstream: string) => `${zone}:53 {
    errors
    ${cache}
    reload
    loop
    bind 169.254.20.10 10.96.0.10
    forward . ${upstream}
    prometheus :9253
    ${zone === 'cluster.local' ? 'health 169.254.20.10:8080' : ''}
    }
`;
const TO_CLUSTER = '10.103.7.1 {\n            force_tcp\n    }';
const NODE_LOCAL = [
  nodeLocalBlock('cluster.local', 'cache {\n            success 9984 30\n            denial 9984 5\n    }', TO_CLUSTER),
  nodeLocalBlock('in-addr.arpa', 'cache 30', TO_CLUSTER),
  nodeLocalBlock('ip6.arpa', 'cache 30', TO_CLUSTER),
  nodeLocalBlock('.', 'cache 30', '/etc/resolv.conf'),
].join('');

test('NodeLocal DNSCache', async () => {
  const config = await parseDnsConfig(NODE_LOCAL, '/etc/coredns/Corefile');
  assert.deepEqual([config.warnings, config.addresses], [[], ['10.96.0.10', '169.254.20.10']]);
  assert.equal(config.health?.address, '169.254.20.10');
  assert.equal(config.blocks[0]?.forward[0]?.forceTcp, true);
  assert.deepEqual(
    config.blocks.map((b) => b.zones.map(formatName).join()),
    ['cluster.local.', 'in-addr.arpa.', 'ip6.arpa.', '.'],
  );
});

test('k3s', async () => {
  const { blocks, warnings } = await parseDnsConfig(K3S, '/etc/coredns/Corefile');
  assert.deepEqual(warnings, []);
  assert.equal(blocks[0]?.hosts?.file, '/etc/coredns/NodeHosts');
  assert.equal(blocks[0].kubernetes?.ttlSeconds, 5);
});

test('EKS', async () => {
  const config = await parseDnsConfig(EKS, '/etc/coredns/Corefile');
  assert.deepEqual([config.warnings, config.health?.lameduckMs], [[], 5000]);
});

test('AKS, with what its documentation adds', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'portico-dns-aks-'));
  try {
    mkdirSync(path.join(folder, 'custom'));
    for (const [name, text] of Object.entries(AKS_CUSTOM)) writeFileSync(path.join(folder, 'custom', name), text);
    const config = await parseDnsConfig(AKS, path.join(folder, 'Corefile'));
    const [main, domain, puglife] = config.blocks;
    assert.deepEqual(config.warnings, []);
    assert.equal(config.queryLog, 'all');
    assert.equal(main?.templates.length, 2);
    assert.deepEqual(main.hosts?.inline, ['10.0.0.1 example1.org']);
    assert.equal(domain?.rewrite.length, 1);
    assert.deepEqual(puglife?.zones.map(formatName), ['puglife.local.']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
