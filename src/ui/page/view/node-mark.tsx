import { fitText } from '../model/fit-text.ts';
import type { NodeFrame } from '../model/picture.ts';

/** A node: its frame, its kernel, its way out. */
export function NodeMark({ frame }: { frame: NodeFrame }) {
  const { node, box, kernel, uplink } = frame;
  const note = node.note === '' ? '' : ` · ${node.note}`;
  return (
    <g class={`node ${node.ready ? 'ready' : 'unready'}`} data-node={node.key}>
      <title>{`${node.key} ${node.addresses[0] ?? ''}${note}`}</title>
      <rect class="frame" x={box.x} y={box.y} width={box.width} height={box.height} rx={10} />
      <circle class="dot" cx={box.x + 17} cy={box.y + 19} r={4.5} />
      <rect class="kernel" x={kernel.x} y={kernel.y} width={kernel.width} height={kernel.height} rx={7} />
      <path class="wire" d={`M${uplink.x} ${uplink.y} H${kernel.x}`} />
      <circle class="port" cx={uplink.x} cy={uplink.y} r={4} />
    </g>
  );
}

/** What is written in it, above the lines that cross it. */
export function NodeTexts({ frame }: { frame: NodeFrame }) {
  const { node, box, kernel } = frame;
  const address = node.addresses[0] ?? '';
  const note = node.note === '' ? '' : ` · ${node.note}`;
  const middle = { x: kernel.x + kernel.width / 2, y: kernel.y + kernel.height / 2 };
  return (
    <g class="node">
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
      <text class="kernel-name" x={middle.x} y={middle.y - 3} text-anchor="middle">
        kernel
      </text>
      <text class="kernel-part" x={middle.x} y={middle.y + 12} text-anchor="middle">
        rules
      </text>
      {frame.labels.map((label) => (
        <text key={`${label.text} ${label.x} ${label.y}`} class="group" x={label.x} y={label.y}>
          {label.text}
        </text>
      ))}
    </g>
  );
}
