import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxiedLocation } from './proxied-location.ts';

const PREFIX = '/api/v1/namespaces/default/services/web:80/proxy';

void test('a redirect of a proxied server leads to below the proxy', () => {
  const cases = {
    '/login': `${PREFIX}/login`,
    '/login?next=/a#top': `${PREFIX}/login?next=/a#top`,
    'http://10.244.0.7:8080/login': `${PREFIX}/login`,
    'http://10.244.0.7/login/': `${PREFIX}/login/`,
    'https://localhost:8001/login': `${PREFIX}/login`,
    'http://10.244.0.7:8080': `${PREFIX}/`,
    'http://10.244.0.7:8080?a=1': `${PREFIX}/?a=1`,
    '//10.244.0.7:8080/x': `${PREFIX}/x`,
    // Relative to the page, or another host's: right as it is.
    'next/page': 'next/page',
    '?page=2': '?page=2',
    'https://example.com/login': 'https://example.com/login',
    '//example.com/x': '//example.com/x',
    // The server knows that it stands behind a proxy.
    [`${PREFIX}/login`]: `${PREFIX}/login`,
  };
  for (const [location, shown] of Object.entries(cases)) {
    assert.equal(
      proxiedLocation(location, { host: '10.244.0.7', port: 8080 }, PREFIX, 'localhost:8001'),
      shown,
      location,
    );
  }
  assert.equal(proxiedLocation('http://[fd00::7]:80/a', { host: 'fd00::7', port: 80 }, '/p', ''), '/p/a');
});
