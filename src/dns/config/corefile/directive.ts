// What readers of single directives share: how mistakes are named, and lists of zones.
import type { WireName } from '../../../dnswire/index.ts';
import { DnsConfigError } from '../config.ts';
import { zonesOf } from '../values.ts';
import type { Directive } from './syntax.ts';

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export const at = (d: Directive): string => `${d.where}: ${d.name}`;

export const mistake = (d: Directive, why: string): DnsConfigError => new DnsConfigError(`${at(d)}: ${why}`);

/** @param o an option in the block of the plugin `owner` */
export const unknownOption = (o: Directive, owner: string): DnsConfigError =>
  new DnsConfigError(`${o.where}: ${owner} has no option "${o.name}"`);

export const zonesOfWords = (texts: readonly string[], d: Directive): WireName[] =>
  texts.flatMap((text) => zonesOf(text, at(d)));
