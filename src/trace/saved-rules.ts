// The rules of a service proxy in a node's iptables, whichever of the two iptables they were written with.
import { findProgram, runCommand } from '../linux/index.ts';
import { legacySave } from './legacy-rules.ts';

export interface SavedText {
  /** What `iptables-save` of that kind prints. */
  readonly text: string;
  /** Prints it. */
  readonly program: string;
}

const PROXY_CHAIN = 'KUBE-SERVICES';

/** Those with a service proxy's rules; else those of iptables-nft. */
export async function readSavedText(netns: string, family: 4 | 6): Promise<SavedText> {
  const name = family === 4 ? 'iptables' : 'ip6tables';
  // A machine with only one of the two has it under the plain name.
  const program = findProgram(`${name}-nft-save`) === undefined ? `${name}-save` : `${name}-nft-save`;
  const [nft, legacy] = await Promise.all([runCommand(program, [], { netns }), legacySave(netns, family)]);
  return nft.stdout.includes(PROXY_CHAIN) || !legacy.includes(PROXY_CHAIN)
    ? { text: nft.stdout, program: `${name}-save` }
    : { text: legacy, program: `${name}-legacy-save` };
}
