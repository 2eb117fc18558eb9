// The Corefile's `template`, `file` and `header`.
import path from 'node:path';
import { Class, Flag, parseRcode, parseType, Rcode, ROOT, Type } from '../../../dnswire/index.ts';
import type { WireName } from '../../../dnswire/index.ts';
import type { FileZoneConfig } from '../../plugins/file/file.ts';
import type { HeaderConfig } from '../../plugins/header.ts';
import { compileTemplateRule } from '../../plugins/template/template.ts';
import type { TemplateRule } from '../../plugins/template/template.ts';
import { durationMs, integerOf } from '../values.ts';
import { at, mistake, unknownOption, zonesOfWords } from './directive.ts';
import type { Directive } from './syntax.ts';

const CLASSES: Readonly<Record<string, number>> = { IN: Class.IN, CH: Class.CH, HS: Class.HS, ANY: Class.ANY };

/** `template CLASS TYPE [ZONE…] { match …; answer …; authority …; additional …; rcode …; ederror …; fallthrough … }` */
export function template(d: Directive, blockZones: readonly WireName[]): TemplateRule {
  const [className = '', typeName = '', ...zones] = d.args;
  const cls = CLASSES[className.toUpperCase()];
  if (cls === undefined) throw mistake(d, `"${className}" is no class; write template CLASS TYPE [ZONE…]`);
  const type = typeName.toUpperCase() === 'ANY' ? Type.ANY : parseType(typeName);
  if (type === undefined) throw mistake(d, `"${typeName}" is no record type`);
  const match: string[] = [];
  const sections: Record<'answer' | 'authority' | 'additional', string[]> = {
    answer: [],
    authority: [],
    additional: [],
  };
  let rcode: number = Rcode.NOERROR;
  let error: TemplateRule['error'];
  let through: readonly WireName[] | undefined;
  for (const o of d.block) {
    switch (o.name) {
      case 'match':
        if (o.args.length === 0) throw mistake(o, 'give a regular expression');
        match.push(...o.args);
        break;
      case 'answer':
      case 'authority':
      case 'additional':
        if (o.args.length === 0) throw mistake(o, 'give a record in quotes');
        sections[o.name].push(...o.args);
        break;
      case 'rcode': {
        const found = parseRcode(o.args[0] ?? '');
        if (found === undefined) throw mistake(o, `"${o.args[0] ?? ''}" is no reply code`);
        rcode = found;
        break;
      }
      case 'ederror':
        error = { code: integerOf(o.args[0], at(o), 0, 65535), text: o.args.slice(1).join(' ') };
        break;
      case 'fallthrough':
        through = o.args.length === 0 ? [ROOT] : zonesOfWords(o.args, o);
        break;
      // Aliases are followed always.
      case 'upstream':
        break;
      default:
        throw unknownOption(o, 'template');
    }
  }
  const rule: TemplateRule = {
    zones: zones.length > 0 ? zonesOfWords(zones, d) : blockZones,
    class: cls,
    type,
    match,
    answers: sections.answer,
    authorities: sections.authority,
    additionals: sections.additional,
    rcode,
    ...(error === undefined ? {} : { error }),
    ...(through === undefined ? {} : { fallthrough: through }),
  };
  try {
    compileTemplateRule(rule);
  } catch (failure) {
    throw mistake(d, (failure as Error).message);
  }
  return rule;
}

const FILE_RELOAD_MS = 60_000;

/** `file DBFILE [ZONE…] { reload DURATION; fallthrough [ZONE…] }` */
export function file(d: Directive, blockZones: readonly WireName[], root: string): FileZoneConfig {
  const [name, ...zones] = d.args;
  if (name === undefined) throw mistake(d, 'write file DBFILE [ZONE…]');
  let reloadMs = FILE_RELOAD_MS;
  let through: readonly WireName[] | undefined;
  for (const o of d.block) {
    if (o.name === 'reload') reloadMs = durationMs(o.args[0] ?? '', at(o));
    else if (o.name === 'fallthrough') through = o.args.length === 0 ? [ROOT] : zonesOfWords(o.args, o);
    // Aliases are followed always.
    else if (o.name !== 'upstream') throw unknownOption(o, 'file');
  }
  return {
    file: path.resolve(root, name),
    zones: zones.length > 0 ? zonesOfWords(zones, d) : blockZones,
    reloadMs,
    ...(through === undefined ? {} : { fallthrough: through }),
  };
}

const FLAGS: Readonly<Record<string, number>> = { aa: Flag.AA, ra: Flag.RA, rd: Flag.RD };

/** `header { [response] set|clear FLAG… }`: of two lines about one flag the last counts. */
export function header(d: Directive, before: HeaderConfig | undefined): HeaderConfig {
  let { set, clear } = before ?? { set: 0, clear: 0 };
  for (const o of d.block) {
    const [action, ...names] = o.name === 'response' ? o.args : [o.name, ...o.args];
    if (action !== 'set' && action !== 'clear') throw unknownOption(o, 'header');
    for (const name of names) {
      const flag = FLAGS[name.toLowerCase()];
      if (flag === undefined) throw mistake(o, `"${name}" is none of aa, ra, rd`);
      set = action === 'set' ? set | flag : set & ~flag;
      clear = action === 'clear' ? clear | flag : clear & ~flag;
    }
  }
  return { set, clear };
}
