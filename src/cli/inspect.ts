import process from 'node:process';

import { nodes } from '../api/objects.ts';
import { UserError } from '../errors/index.ts';
import {
  formatNodeInspection,
  formatPodInspection,
  formatServiceInspection,
  inspectNode,
  inspectPod,
  inspectService,
} from '../trace/index.ts';
import { stringFlag, type Command } from './command.ts';
import { openLocalView, VIEW_FLAGS } from './local-view.ts';

async function print(value: unknown, text: string, output: string | undefined): Promise<void> {
  if (output === undefined) process.stdout.write(text);
  else if (output === 'json') process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  else if (output === 'yaml') {
    const { stringify } = await import('yaml');
    process.stdout.write(stringify(value));
  } else throw new UserError(`-o ${output}: choose json or yaml`);
}

export const command: Command = {
  usage: 'service|pod|node NAME [flags]',
  summary:
    'One page of truth about a service, a pod or a node: the object, its names, and what each kernel holds for it. Exit code 1 when that differs from what should be.',
  positionals: true,
  flags: {
    ...VIEW_FLAGS,
    output: { value: 'FORMAT', short: 'o', help: 'json or yaml.' },
  },
  async run(parsed) {
    const [kind, name, ...more] = parsed.positionals;
    if (kind === undefined || name === undefined || more.length > 0) {
      throw new UserError("give a kind and a name, as in 'portico inspect service nginx'");
    }
    const view = openLocalView(parsed);
    try {
      const { items } = await view.client.resource(nodes).list();
      const options = {
        client: view.client,
        environment: view.environment,
        namespace: view.namespace,
        name,
        nodes: items.map((n) => n.metadata.name),
      };
      const output = stringFlag(parsed, 'output');
      switch (kind) {
        case 'service':
        case 'services':
        case 'svc': {
          const inspection = await inspectService(options);
          await print(inspection, formatServiceInspection(inspection), output);
          return inspection.drift ? 1 : 0;
        }
        case 'pod':
        case 'pods':
        case 'po': {
          const inspection = await inspectPod(options);
          await print(inspection, formatPodInspection(inspection), output);
          return inspection.drift ? 1 : 0;
        }
        case 'node':
        case 'nodes':
        case 'no': {
          const inspection = await inspectNode(options);
          await print(inspection, formatNodeInspection(inspection), output);
          return inspection.drift ? 1 : 0;
        }
        default:
          throw new UserError(`'${kind}' cannot be inspected: choose service, pod or node`);
      }
    } finally {
      view.client.close();
    }
  },
};
