// Gives Services their addresses and ports, and takes them back. Each is a key of its own in the store, written in the
// same commit as the Service: no two Services can hold one, none can leak, and nothing has to be rebuilt at start.
import { randomUUID } from 'node:crypto';
import {
  goStrings,
  internalError,
  invalid,
  invalidValue,
  keepAllocatedValues,
  resolveServiceFamilies,
  services,
  type ApiObject,
  type Family,
  type FieldError,
  type IPAddress,
  type Resource,
  type Service,
} from '../../api/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Store } from '../../store/index.ts';
import { storedText } from '../objects/stored-value.ts';
import type { Attachment, Attachments } from '../verbs/deps.ts';
import { timestamp } from '../verbs/deps.ts';
import { pickPort, type AddressPool, type PortRange } from './address-pool.ts';
import { Booking } from './booking.ts';
import {
  bookedAddress,
  claimsOf,
  needsClusterIp,
  needsHealthCheckPort,
  needsNodePorts,
  type Claims,
  type ServiceSpec,
} from './service-claims.ts';

export interface ServiceAllocationOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Of the cluster, the primary first; for each there is at least one pool. */
  readonly families: readonly Family[];
  /** Asked at each allocation, because ServiceCIDR objects come and go. */
  readonly pools: () => readonly AddressPool[];
  readonly nodePorts: PortRange;
  readonly loadBalancerPool?: AddressPool;
}

export const ADDRESS_PREFIX = '/registry/ipaddresses/';
/** Not a resource: the books of node ports. */
export const NODE_PORT_PREFIX = '/registry/nodeports/';
export const LOAD_BALANCER_PREFIX = '/registry/loadbalanceraddresses/';

export class ServiceAllocation implements Attachments {
  readonly #options: ServiceAllocationOptions;
  readonly #reserved = new Set<string>();

  constructor(options: ServiceAllocationOptions) {
    this.#options = options;
  }

  concern(resource: Resource): boolean {
    return resource === services;
  }

  prepare(resource: Resource, next: ApiObject, previous: ApiObject | undefined): void {
    if (resource !== services) return;
    const service = next as unknown as Service;
    const before = previous as unknown as Service | undefined;
    if (before !== undefined) keepAllocatedValues(service, before);
    const errors = resolveServiceFamilies(service, before, this.#options.families);
    if (errors.length > 0) throw invalid(services, next.metadata.name ?? '', errors);
  }

  async allocate(
    resource: Resource,
    nextObject: ApiObject | undefined,
    previousObject: ApiObject | undefined,
  ): Promise<Attachment | undefined> {
    if (resource !== services) return undefined;
    const next = nextObject as unknown as Service | undefined;
    const had = claimsOf(previousObject as unknown as Service | undefined);
    const booking = new Booking(this.#options.store, this.#reserved);
    try {
      if (next?.spec !== undefined) {
        const { spec } = next;
        if (needsClusterIp(spec)) await this.#addresses(next, spec, had, booking);
        await this.#nodePorts(next, spec, had, booking);
        await this.#loadBalancer(next, spec, booking);
      }
    } catch (error) {
      booking.release();
      throw error;
    }
    const has = claimsOf(next);
    for (const ip of had.addresses) if (!has.addresses.includes(ip)) booking.giveBack(ADDRESS_PREFIX + ip);
    for (const p of had.nodePorts) if (!has.nodePorts.includes(p)) booking.giveBack(NODE_PORT_PREFIX + p);
    for (const ip of had.loadBalancerAddresses) {
      if (!has.loadBalancerAddresses.includes(ip)) booking.giveBack(LOAD_BALANCER_PREFIX + ip);
    }
    return booking;
  }

  async #addresses(service: Service, spec: ServiceSpec, had: Claims, booking: Booking): Promise<void> {
    const clusterIPs = [...(spec.clusterIPs ?? [])];
    if (clusterIPs.length === 0 && (spec.clusterIP ?? '') !== '') clusterIPs.push(spec.clusterIP ?? '');
    for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
      const asked = clusterIPs[i] ?? '';
      if (asked === '') {
        const address = await this.#pickAddress(family as Family, booking);
        clusterIPs[i] = address;
        booking.take(ADDRESS_PREFIX + address, this.#addressText(service, address));
        continue;
      }
      const address = bookedAddress(asked);
      if (had.addresses.includes(address)) continue;
      const pools = this.#options.pools().filter((p) => p.family === family);
      const refuse = (why: string) => () =>
        invalid(services, service.metadata.name, [
          invalidValue('spec.clusterIPs', goStrings(clusterIPs), `failed to allocate IP ${asked}: ${why}`),
        ]);
      if (!pools.some((p) => p.contains(address))) {
        const ranges = pools.map((p) => p.text).join(', ');
        throw refuse(`the provided IP (${asked}) is not in the valid range. The range of valid IPs is ${ranges}`)();
      }
      const taken = refuse('provided IP is already allocated');
      if (await booking.isTaken(ADDRESS_PREFIX + address)) throw taken();
      booking.take(ADDRESS_PREFIX + address, this.#addressText(service, address), taken);
    }
    spec.clusterIPs = clusterIPs;
    const [first] = clusterIPs;
    if (first !== undefined) spec.clusterIP = first;
  }

  async #pickAddress(family: Family, booking: Booking): Promise<string> {
    for (const pool of this.#options.pools()) {
      if (pool.family !== family) continue;
      const address = await pool.pick((ip) => booking.seemsTaken(ADDRESS_PREFIX + ip));
      if (address !== undefined) return address;
    }
    throw internalError(new Error('failed to allocate a serviceIP: range is full'));
  }

  async #nodePorts(service: Service, spec: ServiceSpec, had: Claims, booking: Booking): Promise<void> {
    const { nodePorts: range } = this.#options;
    const mine = new Set<number>();
    const value = JSON.stringify({ namespace: service.metadata.namespace, name: service.metadata.name });
    const claim = async (field: string, asked: number): Promise<number> => {
      if (asked !== 0 && (mine.has(asked) || had.nodePorts.includes(asked))) {
        mine.add(asked);
        return asked;
      }
      if (asked === 0) {
        const port = await pickPort(range, (p) => booking.seemsTaken(NODE_PORT_PREFIX + p));
        if (port === undefined) throw internalError(new Error('failed to allocate a nodePort: range is full'));
        booking.take(NODE_PORT_PREFIX + port, value);
        mine.add(port);
        return port;
      }
      const refuse = (why: string) => () => invalid(services, service.metadata.name, [portError(field, asked, why)]);
      if (asked < range.first || asked > range.last) {
        throw refuse(
          `provided port is not in the valid range. The range of valid ports is ${range.first}-${range.last}`,
        )();
      }
      const taken = refuse('provided port is already allocated');
      if (await booking.isTaken(NODE_PORT_PREFIX + asked)) throw taken();
      booking.take(NODE_PORT_PREFIX + asked, value, taken);
      mine.add(asked);
      return asked;
    };
    if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') {
      const byPort = new Map<number, { protocol: string; nodePort: number }[]>();
      // Explicit requests first, so that no automatic choice takes what a later port of the same Service asks for.
      const ports = [...(spec.ports ?? []).entries()];
      for (const explicit of [true, false]) {
        for (const [i, port] of ports) {
          const asked = port.nodePort ?? 0;
          if ((asked !== 0) !== explicit || (!explicit && !needsNodePorts(spec))) continue;
          const siblings = byPort.get(port.port) ?? [];
          const protocol = port.protocol ?? 'TCP';
          const shared = siblings.find(
            (s) => s.protocol !== protocol && !siblings.some((o) => o.protocol === protocol),
          );
          port.nodePort =
            explicit || shared === undefined ? await claim(`spec.ports[${i}].nodePort`, asked) : shared.nodePort;
          byPort.set(port.port, [...siblings, { protocol, nodePort: port.nodePort }]);
        }
      }
    }
    if (needsHealthCheckPort(spec)) {
      spec.healthCheckNodePort = await claim('spec.healthCheckNodePort', spec.healthCheckNodePort ?? 0);
    }
  }

  /** With a pool of addresses this cluster is its own load balancer provider. */
  async #loadBalancer(service: Service, spec: ServiceSpec, booking: Booking): Promise<void> {
    const pool = this.#options.loadBalancerPool;
    const ours = spec.type === 'LoadBalancer' && (spec.loadBalancerClass ?? '') === '';
    if (!ours) {
      if (service.status?.loadBalancer !== undefined && spec.type !== 'LoadBalancer') service.status.loadBalancer = {};
      return;
    }
    if (pool === undefined || (service.status?.loadBalancer?.ingress ?? []).length > 0) return;
    const isTaken = (ip: string) => booking.isTaken(LOAD_BALANCER_PREFIX + ip);
    const asked = spec.loadBalancerIP === undefined ? '' : bookedAddress(spec.loadBalancerIP);
    const wanted = asked !== '' && pool.contains(asked) && !(await isTaken(asked)) ? asked : undefined;
    // An address that cannot be had leaves the Service pending, as with any provider.
    const address = asked === '' ? await pool.pick(isTaken) : wanted;
    if (address === undefined) return;
    const value = JSON.stringify({ namespace: service.metadata.namespace, name: service.metadata.name });
    booking.take(LOAD_BALANCER_PREFIX + address, value);
    (service as { status?: Service['status'] }).status = {
      ...service.status,
      loadBalancer: { ingress: [{ ip: address, ipMode: 'VIP' }] },
    };
  }

  #addressText(service: Service, address: string): string {
    return ipAddressText(this.#options.clock, address, service.metadata.namespace ?? '', service.metadata.name);
  }
}

function portError(field: string, value: number, detail: string): FieldError {
  return invalidValue(field, value, detail);
}

/** The stored text of the IPAddress object (KEP-1880) that books `address` for a Service. */
export function ipAddressText(clock: Clock, address: string, namespace: string, name: string): string {
  const object: IPAddress = {
    kind: 'IPAddress',
    apiVersion: 'networking.k8s.io/v1',
    metadata: {
      name: address,
      uid: randomUUID(),
      resourceVersion: '',
      creationTimestamp: timestamp(clock),
      labels: {
        'ipaddress.kubernetes.io/ip-family': address.includes(':') ? 'IPv6' : 'IPv4',
        'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
      },
    },
    spec: { parentRef: { group: '', resource: 'services', namespace, name } },
  };
  return storedText(object);
}
