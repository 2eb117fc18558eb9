// The Corefile's `view`.
import { compileView } from '../../view/view.ts';
import type { ViewConfig } from '../../view/view.ts';
import { mistake, unknownOption } from './directive.ts';
import type { Directive } from './syntax.ts';

/** `view NAME { expr EXPRESSION }`; a second one adds its conditions. */
export function view(d: Directive, before: ViewConfig | undefined): ViewConfig {
  const [name] = d.args;
  if (name === undefined) throw mistake(d, 'write view NAME { expr EXPRESSION }');
  const when = d.block.map((o) => {
    if (o.name !== 'expr') throw unknownOption(o, 'view');
    const text = o.args.join(' ');
    try {
      compileView({ name, when: [text] });
    } catch (error) {
      throw mistake(o, (error as Error).message);
    }
    return text;
  });
  if (when.length === 0) throw mistake(d, 'an expression is missing: expr EXPRESSION');
  return { name, when: [...(before?.when ?? []), ...when] };
}
