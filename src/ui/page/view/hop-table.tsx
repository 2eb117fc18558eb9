import { useEffect, useRef } from 'preact/hooks';

import type { Walk } from '../../contract.ts';
import type { HopRow } from '../model/hop-rows.ts';
import { goTo, playing, reached, rows } from '../state/trace.ts';

/** Every hop of the walk; the one the packet is at is marked. */
export function HopTable({ walk }: { walk: Walk }) {
  return (
    <>
      <table class="hops">
        <caption class="unseen">Hops of the walk, request and reply</caption>
        <thead>
          <tr>
            <th scope="col">#</th>
            <th scope="col">Where</th>
            <th scope="col">Packet</th>
            <th scope="col" class="time">
              Time
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.value.map((row) => (
            <Row key={row.index} row={row} now={row.index === reached.value} />
          ))}
        </tbody>
      </table>
      {walk.tracked.length > 0 && (
        <details class="tracked">
          <summary>Connection tracking on {walk.tracked.length} nodes</summary>
          <ul>
            {walk.tracked.map((entry) => (
              <li key={`${entry.node} ${entry.original.destination}`}>
                <strong>{entry.node}</strong> {entry.state ?? ''}
                <code>
                  {entry.original.source}:{entry.original.sourcePort} → {entry.original.destination}:
                  {entry.original.destinationPort}
                </code>
                <code>
                  {entry.reply.source}:{entry.reply.sourcePort} → {entry.reply.destination}:
                  {entry.reply.destinationPort}
                </code>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function Row({ row, now }: { row: HopRow; now: boolean }) {
  const line = useRef<HTMLTableRowElement>(null);
  useEffect(() => {
    if (now && playing.peek()) keepInView(line.current);
  }, [now]);
  return (
    <>
      {row.first && (
        <tr class="leg">
          <th colSpan={4} scope="colgroup">
            {row.leg}
          </th>
        </tr>
      )}
      <tr
        ref={line}
        class={`hop ${row.leg}${now ? ' now' : ''}`}
        aria-current={now ? 'step' : undefined}
        data-hop={row.index}
        onClick={() => goTo(row.index)}
      >
        <td>
          <button type="button" class="number" aria-label={`Go to hop ${row.index + 1}`}>
            {row.index + 1}
          </button>
        </td>
        <td>
          <span class="place">{row.place}</span>
          <span class="device">
            {row.direction === 'in' ? '↘ in' : '↗ out'} {row.device}
          </span>
        </td>
        <td>
          <span class="tuple">{row.source}</span>
          <span class="tuple">→ {row.destination}</span>
          <span class="more">{row.more}</span>
          {row.changes.map((change) => (
            <span key={change} class="change">
              {change}
            </span>
          ))}
          {row.rules.length > 0 && (
            <details onClick={(event) => event.stopPropagation()}>
              <summary>
                {row.rules.length} {row.rules.length === 1 ? 'rule' : 'rules'} passed
              </summary>
              <ol>
                {row.rules.map((rule, i) => (
                  <li key={i}>
                    <code>{rule}</code>
                  </li>
                ))}
              </ol>
            </details>
          )}
        </td>
        <td class="time">{row.time}</td>
      </tr>
    </>
  );
}

/** Scrolls the panel, never the page: the picture must stay where it is. */
function keepInView(row: HTMLElement | null): void {
  const panel = row?.closest('.panel');
  if (row === null || panel === null || panel === undefined || panel.scrollHeight <= panel.clientHeight) return;
  const view = panel.getBoundingClientRect();
  const at = row.getBoundingClientRect();
  if (at.bottom > view.bottom - 8) panel.scrollTop += at.bottom - view.bottom + 8;
  else if (at.top < view.top + 8) panel.scrollTop -= view.top + 8 - at.top;
}
