// Names made from metadata.generateName.
import { randomInt } from 'node:crypto';

/** No vowels and nothing that looks like another character, so that no words come out. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
/** Longest prefix that still leaves a valid label of 63 characters. */
const MAX_PREFIX = 63 - SUFFIX_LENGTH;

/** How often another suffix is tried when the name is taken. */
export const NAME_ATTEMPTS = 8;

export function generateName(prefix: string): string {
  let name = prefix.slice(0, MAX_PREFIX);
  for (let i = 0; i < SUFFIX_LENGTH; i++) name += ALPHABET.charAt(randomInt(ALPHABET.length));
  return name;
}
