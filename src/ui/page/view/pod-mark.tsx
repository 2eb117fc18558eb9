import { fitText } from '../model/fit-text.ts';
import type { PlacedPod } from '../model/node-box.ts';
import { client } from '../state/trace.ts';
import { picture, related, selected } from '../state/view.ts';
import { onPress } from './picture-keys.ts';

/** Not ready, and no reason to worry. */
const CALM: ReadonlySet<string> = new Set(['Pending', 'ContainerCreating', 'PodInitializing', 'Running', 'Completed']);

/** A pod, as a card or as a dot. Its place is a transform, so that it moves when the place changes. */
export function PodMark({ placed, dots }: { placed: PlacedPod; dots: boolean }) {
  const { pod, box } = placed;
  const chosen = selected.value?.kind === 'pod' && selected.value.key === pod.key;
  const dim =
    related.value.size > 0 && !chosen && selected.value?.kind === 'service' && !related.value.has(`pod ${pod.key}`);
  const select = () => {
    selected.value = chosen ? undefined : { kind: 'pod', key: pod.key };
    if (!chosen && client.value === '' && pod.running) client.value = `pod/${pod.key}`;
  };
  const condition = pod.terminating ? 'leaving' : pod.ready ? 'ready' : CALM.has(pod.status) ? 'starting' : 'unready';
  const status = pod.terminating ? 'Terminating' : pod.status;
  const says = `Pod ${pod.key}, ${status}${pod.ready ? ', ready' : ', not ready'}, ${pod.addresses[0] ?? 'no address'}, on ${pod.node}`;
  const first = picture.value.pods[0]?.pod.key === pod.key;
  const classes = [
    'pod',
    condition,
    dots ? 'as-dot' : 'as-card',
    chosen && 'chosen',
    dim && 'dim',
    client.value === `pod/${pod.key}` && 'client',
  ];
  return (
    <g
      class={classes.filter(Boolean).join(' ')}
      style={{ transform: `translate(${box.x}px, ${box.y}px)` }}
      role="button"
      tabindex={chosen || (selected.value === undefined && first) ? 0 : -1}
      aria-label={says}
      aria-pressed={chosen}
      data-mark="pod"
      data-pod={pod.key}
      onClick={select}
      onKeyDown={onPress(select)}
    >
      <title>{says}</title>
      <rect class="body" width={box.width} height={box.height} rx={dots ? 4 : 7} />
      {!dots && (
        <>
          <rect class="edge-mark" width={4} height={box.height - 12} x={6} y={6} rx={2} />
          <text class="pod-name" x={17} y={17}>
            {fitText(pod.name, box.width - 24, 11.5)}
          </text>
          <text class="pod-more" x={17} y={31}>
            {fitText(pod.ready ? (pod.addresses[0] ?? status) : status, box.width - 24, 10.5)}
          </text>
        </>
      )}
    </g>
  );
}
