import type { PodView, ServiceView } from '../../contract.ts';
import { topology } from '../state/live.ts';
import { client } from '../state/trace.ts';
import { nodeHref, podHref, related, selected, serviceHref } from '../state/view.ts';

/** What is selected in the picture, and what can be done with it. */
export function SelectionCard() {
  const chosen = selected.value;
  const pod = chosen?.kind === 'pod' ? topology.value.pods[chosen.key] : undefined;
  const service = chosen?.kind === 'service' ? topology.value.services[chosen.key] : undefined;
  if (pod !== undefined) return <PodCard pod={pod} />;
  return service === undefined ? null : <ServiceCard service={service} />;
}

function PodCard({ pod }: { pod: PodView }) {
  const behind = [...related.value].map((key) => key.slice('service '.length));
  return (
    <section class="card" aria-label={`Pod ${pod.key}`}>
      <h3>{pod.name}</h3>
      <dl>
        <dt>namespace</dt>
        <dd>{pod.namespace}</dd>
        <dt>node</dt>
        <dd>{pod.node === '' ? 'none yet' : <a href={nodeHref(pod.node)}>{pod.node}</a>}</dd>
        <dt>status</dt>
        <dd>
          {pod.terminating ? 'Terminating' : pod.status}, {pod.ready ? 'ready' : 'not ready'}
        </dd>
        <dt>address</dt>
        <dd>
          <code>{pod.addresses.join(' ') || 'none'}</code>
        </dd>
        <dt>behind</dt>
        <dd>
          {behind.length === 0 && 'no Service'}
          {behind.map((key) => (
            <a key={key} href={serviceHref(key)}>
              {key}
            </a>
          ))}
        </dd>
      </dl>
      <button type="button" disabled={!pod.running} onClick={() => (client.value = `pod/${pod.key}`)}>
        Trace from here
      </button>
      <a class="button" href={podHref(pod.key)}>
        Open its page: network, Services, names
      </a>
    </section>
  );
}

function ServiceCard({ service }: { service: ServiceView }) {
  const endpoints = Object.values(topology.value.slices)
    .filter((slice) => slice.service === service.key)
    .flatMap((slice) => slice.endpoints)
    .toSorted((a, b) => a.address.localeCompare(b.address, 'en', { numeric: true }));
  return (
    <section class="card" aria-label={`Service ${service.key}`}>
      <h3>
        {service.name} <small>{service.type}</small>
      </h3>
      <dl>
        <dt>namespace</dt>
        <dd>{service.namespace}</dd>
        <dt>address</dt>
        <dd>
          <code>{service.addresses.join(' ') || 'headless'}</code>
        </dd>
        <dt>ports</dt>
        <dd>
          {service.ports
            .map((p) => `${p.port}/${p.protocol}${p.nodePort === undefined ? '' : ` node port ${p.nodePort}`}`)
            .join(', ') || 'none'}
        </dd>
      </dl>
      {/* It scrolls: the keyboard must get at it. */}
      <ul class="endpoints" aria-label="Endpoints" tabIndex={0}>
        {endpoints.map((e) => (
          <li key={e.address} class={e.ready ? 'ready' : e.serving ? 'leaving' : 'unready'}>
            <code>{e.address}</code>
            <span>
              {e.ready ? 'ready' : e.serving ? 'going, still serving' : e.terminating ? 'going' : 'not ready'}
            </span>
            <span class="node-name">{e.node ?? ''}</span>
          </li>
        ))}
        {endpoints.length === 0 && <li>no endpoints: connections are refused</li>}
      </ul>
      <a class="button" href={serviceHref(service.key)}>
        Open its page: DNS, rules, shares
      </a>
    </section>
  );
}
