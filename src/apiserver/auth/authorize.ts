// May they: administrators, node agents by the node authorizer, everybody by RBAC.
import type { Attributes, Authorizer, Decision } from './attributes.ts';
import { ruleAllows } from './rbac-rules.ts';
import type { RbacIndex } from './rbac-index.ts';

export const MASTERS = 'system:masters';

/** `node`: decides for node agents; undefined means it has no opinion. */
export function createAuthorizer(
  index: RbacIndex,
  node: (attributes: Attributes) => Promise<Decision | undefined>,
): Authorizer {
  return {
    async authorize(attributes) {
      // Members are administrators whatever the stored roles say: the way back in when those are broken.
      if (attributes.user.groups.includes(MASTERS)) return { allowed: true, reason: '' };
      const byNode = await node(attributes);
      if (byNode !== undefined && byNode.allowed) return byNode;
      for (const grant of index.grants(attributes.user, attributes.namespace)) {
        if (grant.rules.some((rule) => ruleAllows(rule, attributes))) {
          return { allowed: true, reason: `RBAC: allowed by ${grant.source} to ${attributes.user.name}` };
        }
      }
      return { allowed: false, reason: byNode?.reason ?? '' };
    },
  };
}
