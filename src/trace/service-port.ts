// Which port of a service a client means. Pure.
import type { Service } from '../api/objects.ts';
import { UserError } from '../errors/index.ts';
import type { ServicePort } from './cluster-view.ts';

const textOf = (port: ServicePort, by: 'port' | 'nodePort') => `${port[by]}/${port.protocol ?? 'TCP'}`;

/** The only port that fits. @throws UserError when none does, or several do: a client has to say which one too */
export function choosePort(
  service: Service,
  protocol: 'tcp' | 'udp' | undefined,
  port: number | undefined,
  by: 'port' | 'nodePort' = 'port',
): ServicePort {
  const ports = (service.spec?.ports ?? []).filter((p) => by === 'port' || p.nodePort);
  const name = `Service ${service.metadata.namespace}/${service.metadata.name}`;
  const fitting = ports.filter(
    (p) =>
      (protocol === undefined || (p.protocol ?? 'TCP').toLowerCase() === protocol) &&
      (port === undefined || p[by] === port),
  );
  const [chosen] = fitting;
  if (chosen === undefined) {
    const list = ports.map((p) => textOf(p, by)).join(', ');
    const wanted = [protocol?.toUpperCase(), 'port', port].filter((part) => part !== undefined).join(' ');
    throw new UserError(`${name} has no ${wanted}; it has ${list || 'none'}`);
  }
  if (fitting.length > 1) {
    const list = fitting.map((p) => `${p.name ? `${p.name} ` : ''}${textOf(p, by)}`).join(', ');
    const numbers = new Set(fitting.map((p) => p[by]));
    const how =
      numbers.size === 1
        ? 'choose --tcp or --udp'
        : `say which one, as in ${service.metadata.name}.${service.metadata.namespace}:${chosen[by]}`;
    throw new UserError(`${name} has several ports that fit (${list}): ${how}`);
  }
  if (chosen.protocol === 'SCTP') throw new UserError(`${name} port ${chosen.port} is SCTP, which a trace cannot make`);
  return chosen;
}
