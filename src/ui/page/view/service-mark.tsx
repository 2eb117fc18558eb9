import { fitText } from '../model/fit-text.ts';
import type { ServiceMark } from '../model/picture.ts';
import { firstTarget } from '../model/trace-names.ts';
import { target } from '../state/trace.ts';
import { related, selected } from '../state/view.ts';
import { onPress } from './picture-keys.ts';

/** A Service: its name, its virtual address, how many of its endpoints are ready. */
export function ServiceBoxMark({ mark }: { mark: ServiceMark }) {
  const { service, box } = mark;
  const chosen = selected.value?.kind === 'service' && selected.value.key === service.key;
  const select = () => {
    selected.value = chosen ? undefined : { kind: 'service', key: service.key };
    const first = firstTarget(service);
    if (!chosen && first !== '') target.value = first;
  };
  const address = service.addresses[0] ?? (service.type === 'ExternalName' ? 'external name' : 'headless');
  const ports = service.ports.map((p) => p.port).join(', ');
  const says = `Service ${service.key}, ${address}, ports ${ports || 'none'}, ${mark.ready} of ${mark.total} endpoints ready`;
  const dim =
    related.value.size > 0 && !chosen && selected.value?.kind === 'pod' && !related.value.has(`service ${service.key}`);
  const room = box.width - 24;
  return (
    <g
      class={`service${chosen ? ' chosen' : ''}${dim ? ' dim' : ''}${mark.ready === 0 ? ' empty' : ''}`}
      style={{ transform: `translate(${box.x}px, ${box.y}px)` }}
      role="button"
      tabindex={0}
      aria-label={says}
      aria-pressed={chosen}
      data-mark="service"
      data-service={service.key}
      onClick={select}
      onKeyDown={onPress(select)}
    >
      <title>{says}</title>
      <rect class="body" width={box.width} height={box.height} rx={9} />
      <text class="service-name" x={12} y={20}>
        {fitText(service.name, room - 34, 13)}
      </text>
      <text class="service-count" x={box.width - 12} y={20} text-anchor="end">
        {mark.ready}/{mark.total}
      </text>
      <text class="service-address" x={12} y={36}>
        {fitText(`${address}${service.ports[0] === undefined ? '' : `:${service.ports[0].port}`}`, room, 11)}
      </text>
      <text class="service-more" x={12} y={50}>
        {fitText(`${service.namespace} · ${service.type}`, room, 10)}
      </text>
    </g>
  );
}
