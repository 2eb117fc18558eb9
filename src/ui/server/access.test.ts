import assert from 'node:assert/strict';
import { test } from 'node:test';

import { refuse, setCookie } from './access.ts';
import type { Question } from './access.ts';

const access = { token: 'right', port: 4000 };
const host = '127.0.0.1:4000';
const cookie = 'other=1; portico-4000=right';
const origin = `http://${host}`;

const CASES: readonly (readonly [name: string, question: Question, status: number | undefined])[] = [
  ['the printed address', { method: 'GET', headers: { host }, queryToken: 'right' }, undefined],
  ['the cookie', { method: 'GET', headers: { host, cookie } }, undefined],
  ['the header', { method: 'GET', headers: { host, authorization: 'Bearer right' } }, undefined],
  ['by the name localhost', { method: 'GET', headers: { host: 'localhost:4000', cookie } }, undefined],
  ['no token', { method: 'GET', headers: { host } }, 401],
  ['a wrong token', { method: 'GET', headers: { host }, queryToken: 'wrong' }, 401],
  ['an empty token', { method: 'GET', headers: { host }, queryToken: '' }, 401],
  ['the cookie of another port', { method: 'GET', headers: { host, cookie: 'portico-4001=right' } }, 401],
  ['a rebound name', { method: 'GET', headers: { host: 'evil.example:4000', cookie } }, 421],
  ['another port’s name', { method: 'GET', headers: { host: '127.0.0.1:80', cookie } }, 421],
  ['another origin', { method: 'POST', headers: { host, cookie, origin: 'http://127.0.0.1:9' } }, 403],
  ['an opaque origin', { method: 'POST', headers: { host, cookie, origin: 'null' } }, 403],
  ['a POST of the page', { method: 'POST', headers: { host, cookie, origin } }, undefined],
  ['a POST with the cookie alone', { method: 'POST', headers: { host, cookie } }, 403],
  ['a POST with the header alone', { method: 'POST', headers: { host, authorization: 'Bearer right' } }, undefined],
  ['a frame elsewhere', { method: 'GET', headers: { host, cookie, 'sec-fetch-site': 'same-site' } }, 403],
  [
    'a link elsewhere',
    { method: 'GET', headers: { host, 'sec-fetch-site': 'cross-site' }, queryToken: 'right' },
    undefined,
  ],
  ['typed', { method: 'GET', headers: { host, cookie, 'sec-fetch-site': 'none' } }, undefined],
];

for (const [name, question, status] of CASES) {
  test(`refuse() ${status === undefined ? 'lets in' : `answers ${status} to`} ${name}`, () => {
    assert.equal(refuse(question, access)?.status, status);
  });
}

test('the cookie is out of reach of scripts and other sites', () => {
  assert.equal(setCookie(access), 'portico-4000=right; Path=/; HttpOnly; SameSite=Strict');
});
