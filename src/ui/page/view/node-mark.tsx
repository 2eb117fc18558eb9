import { fitText } from '../model/fit-text.ts';
import type { NodeFrame } from '../model/picture.ts';

/** A node: its frame, its kernel, its way out. */
export function NodeMark({ frame }: { frame: NodeFrame }) {
  const { node, box, kernel, uplink } = frame;
  const address = node.addresses[0] ?? '';
  const note = node.note === '' ? '' : ` · ${node.note}`;
  return (
    <g class={`node ${node.ready ? 'ready' : 'unready'}`} data-node={node.key}>
      <title>{`${node.key} ${address}${note}`}</title>
      <rect class="frame" x={box.x} y={box.y} width={box.width} height={box.height} rx={10} />
      <circle class="dot" cx={box.x + 17} cy={box.y + 19} r={4.5} />
      <text class="name" x={box.x + 29} y={box.y + 23.5}>
        {fitText(node.key, 110, 13)}
      </text>
      <text class="address" x={box.x + box.width - 12} y={box.y + 23} text-anchor="end">
        {fitText(
          `${address}${box.width > 420 ? ` · pods ${node.podCidrs[0] ?? '–'}` : ''}${note}`,
          box.width - 150,
          11,
        )}
      </text>
      <rect class="kernel" x={kernel.x} y={kernel.y} width={kernel.width} height={kernel.height} rx={7} />
      <text
        class="kernel-name"
        x={kernel.x + kernel.width / 2}
        y={kernel.y + kernel.height / 2 - 3}
        text-anchor="middle"
      >
        kernel
      </text>
      <text
        class="kernel-part"
        x={kernel.x + kernel.width / 2}
        y={kernel.y + kernel.height / 2 + 12}
        text-anchor="middle"
      >
        rules
      </text>
      <path class="wire" d={`M${uplink.x} ${uplink.y} H${kernel.x}`} />
      <circle class="port" cx={uplink.x} cy={uplink.y} r={4} />
      {frame.labels.map((label) => (
        <text key={`${label.text} ${label.y}`} class="group" x={label.x} y={label.y}>
          {label.text}
        </text>
      ))}
    </g>
  );
}
