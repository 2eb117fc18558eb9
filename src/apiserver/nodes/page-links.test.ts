import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { changePageLinks } from './page-links.ts';

const through = (...pieces: string[]): string => {
  const page = changePageLinks((link) => `<${link}>`);
  return pieces.map((p) => page.push(p)).join('') + page.end();
};

void describe('links of a page', () => {
  const cases: Readonly<Record<string, string>> = {
    '<a href="/x">': '<a href="</x>">',
    "<A class=b HREF = '/x?a=1&amp;b=2' >t</A>": "<A class=b HREF = '</x?a=1&amp;b=2>' >t</A>",
    '<img src=/i.png alt=">">': '<img src=</i.png> alt=">">',
    '<img src="/a" longdesc="/b" srcset="/c">': '<img src="</a>" longdesc="</b>" srcset="/c">',
    '<link\n rel=stylesheet\n href="/s.css"/>': '<link\n rel=stylesheet\n href="</s.css>"/>',
    '<form action="/go"><button formaction="/stop">': '<form action="</go>"><button formaction="</stop>">',
    '<video poster="/p" src="/v"><source src="/s"></video>':
      '<video poster="</p>" src="</v>"><source src="</s>"></video>',
    // Not of this element, no tags, or text that only looks like tags.
    '<div href="/x" data-src="/y">': '<div href="/x" data-src="/y">',
    'a < b <3 </a href="/x"> <!doctype html>': 'a < b <3 </a href="/x"> <!doctype html>',
    '<!-- <a href="/x"> -->': '<!-- <a href="/x"> -->',
    '<script>if (a<b) "<a href=\'/x\'>"</script><a href="/x">':
      '<script>if (a<b) "<a href=\'/x\'>"</script><a href="</x>">',
    '<script src="/s.js"></SCRIPT><a href="/x">': '<script src="</s.js>"></SCRIPT><a href="</x>">',
    '<textarea><a href="/x"></textarea>': '<textarea><a href="/x"></textarea>',
    '<a title="href=/no" href="/x">': '<a title="href=/no" href="</x>">',
    '<a data-href="/no" href="/x">': '<a data-href="/no" href="</x>">',
    // Cut off.
    '<a href="/x': '<a href="/x',
    '<!-- never closed': '<!-- never closed',
    '<script>never closed': '<script>never closed',
    '<constructor href="/x"><a __proto__="/y" href="/x">': '<constructor href="/x"><a __proto__="/y" href="</x>">',
  };
  for (const [page, expected] of Object.entries(cases)) {
    void it(page.replaceAll('\n', '⏎'), () => {
      assert.equal(through(page), expected);
      // Wherever the page is cut, the outcome is the same.
      assert.equal(through(...page.split('')), expected);
    });
  }

  void it('do not depend on how the page was cut, and nothing else changes', () => {
    const part = fc.constantFrom(...Object.keys(cases), 'text ', '<', '>', '"', "'", '<!--', '-->', '</', 'ü', '\0');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), fc.integer({ min: 1, max: 9 }), (parts, size) => {
        const page = parts.join('');
        const pieces = page.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
        assert.equal(through(...pieces), through(page));
        const same = changePageLinks((link) => link);
        assert.equal(same.push(page) + same.end(), page);
      }),
    );
  });

  void it('wait for the end of a tag, but not for ever', () => {
    const page = changePageLinks((link) => link);
    assert.equal(page.push('<a href="'), '');
    const long = 'x'.repeat(200_000);
    assert.ok(page.push(long).length > 100_000);
    assert.equal(changePageLinks((l) => l).push('text <a href="/x">t'), 'text <a href="/x">t');
  });
});
