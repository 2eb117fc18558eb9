// Our own format's `templates`, `zoneFiles`, `external` and `transfer`.
import path from 'node:path';
import { Class, parseRcode, parseType, Rcode, ROOT, Type } from '../../../dnswire/index.ts';
import type { ExternalConfig } from '../../plugins/external/external-zone.ts';
import type { FileZoneConfig } from '../../plugins/file/file.ts';
import { compileTemplateRule } from '../../plugins/template/template.ts';
import type { TemplateRule } from '../../plugins/template/template.ts';
import type { TransferRule } from '../../plugins/transfer/transfer.ts';
import { isReverse } from '../values.ts';
import type { Fields } from './fields.ts';

const CLASSES = { IN: Class.IN, CH: Class.CH, HS: Class.HS, ANY: Class.ANY } as const;

export function templateOf(at: Fields): TemplateRule {
  const typeName = at.string('type')?.toUpperCase() ?? 'ANY';
  const type = typeName === 'ANY' ? Type.ANY : parseType(typeName);
  if (type === undefined) throw at.fail('type', `"${typeName}" is no record type`);
  const rcodeName = at.string('rcode') ?? 'NOERROR';
  const rcode = parseRcode(rcodeName);
  if (rcode === undefined) throw at.fail('rcode', `"${rcodeName}" is no reply code`);
  const reason = at.string('errorText');
  const code = at.number('errorCode', 65_535) ?? (reason === undefined ? undefined : 0);
  const fallthrough = at.zones('fallthrough');
  const rule: TemplateRule = {
    zones: at.zones('zones') ?? [ROOT],
    class: CLASSES[at.oneOf('class', ['IN', 'CH', 'HS', 'ANY']) ?? 'IN'],
    type,
    match: at.strings('match') ?? [],
    answers: at.strings('answer') ?? [],
    authorities: at.strings('authority') ?? [],
    additionals: at.strings('additional') ?? [],
    rcode: rcode ?? Rcode.NOERROR,
    ...(code === undefined ? {} : { error: { code, text: reason ?? '' } }),
    ...(fallthrough === undefined ? {} : { fallthrough }),
  };
  at.end();
  try {
    compileTemplateRule(rule);
  } catch (error) {
    throw at.fail('answer', `or match: ${(error as Error).message}`);
  }
  return rule;
}

/** @param folder that relative paths begin in */
export function zoneFileOf(at: Fields, folder: string): FileZoneConfig {
  const file = at.string('file');
  const zones = at.zones('zones');
  if (file === undefined || zones === undefined) throw at.fail('file', 'and "zones" are both needed');
  const fallthrough = at.zones('fallthrough');
  const reload = at.number('reloadSeconds', 86_400) ?? 60;
  at.end();
  return {
    file: path.resolve(folder, file),
    zones,
    reloadMs: reload * 1000,
    ...(fallthrough === undefined ? {} : { fallthrough }),
  };
}

export function externalOf(at: Fields): ExternalConfig {
  const all = at.zones('zones') ?? [];
  const zones = all.filter((zone) => !isReverse(zone));
  if (zones.length === 0 || zones.includes(ROOT)) throw at.fail('zones', 'must name a zone, such as example.org');
  const apex = at.string('apex')?.toLowerCase() ?? 'dns';
  if (!/^[a-z0-9-]{1,63}$/.test(apex)) throw at.fail('apex', 'must be one label of a name');
  const config = {
    zones,
    reverseZones: all.filter(isReverse),
    apex,
    ttlSeconds: at.number('ttlSeconds', 3600) ?? 5,
    headless: at.boolean('headless') ?? false,
    fallthrough: at.zones('fallthrough') ?? [],
  };
  at.end();
  return config;
}

export function transferOf(at: Fields): TransferRule {
  const rule = { zones: at.zones('zones') ?? [ROOT], to: at.strings('to') ?? [] };
  if (rule.to.length === 0) throw at.fail('to', 'must list who may have the zones');
  at.end();
  return rule;
}
