import { clientChoices, serviceChoices } from '../model/trace-names.ts';
import type { ChoiceGroup } from '../model/trace-names.ts';
import { facts, topology } from '../state/live.ts';
import { selected } from '../state/view.ts';
import {
  answer,
  client,
  count,
  failure,
  runTrace,
  running,
  target,
  timeoutSeconds,
  walk,
  walks,
} from '../state/trace.ts';
import { HopTable } from './hop-table.tsx';
import { Player } from './player.tsx';
import { SelectionCard } from './selection-card.tsx';

/** Choose two ends, trace, watch, read. */
export function TracePanel() {
  const report = answer.value?.report;
  return (
    <aside class="panel" aria-label="Trace">
      <form
        class="order"
        onSubmit={(event) => {
          event.preventDefault();
          void runTrace();
        }}
      >
        <h2>Trace a connection</h2>
        <Choose label="From" groups={clientChoices(topology.value, facts.value)} chosen={client} />
        <Choose label="To" groups={serviceChoices(topology.value)} chosen={target} />
        <Amount label="Connections" most={20} chosen={count} />
        <Amount label="Wait (s)" most={30} chosen={timeoutSeconds} />
        <button type="submit" class="main" disabled={running.value || client.value === '' || target.value === ''}>
          {running.value ? 'Tracing…' : 'Trace'}
        </button>
      </form>
      {report === undefined && selected.value === undefined && failure.value === '' && !running.value && <Hint />}
      <SelectionCard />
      {failure.value !== '' && (
        <p class="failure" role="alert">
          {failure.value}
        </p>
      )}
      {report !== undefined && (
        <section class="result" aria-label="Result">
          <p class={`verdict ${report.verdict.ok ? 'good' : 'bad'}`} role="status" data-verdict={report.verdict.code}>
            {report.verdict.sentence}
          </p>
          {report.dns !== undefined && (
            <ul class="questions">
              {report.dns.questions.map((q) => (
                <li key={`${q.name} ${q.type}`}>
                  <code>
                    {q.name} {q.type}
                  </code>{' '}
                  <span class="arrow">→</span>{' '}
                  <code>{q.answer === undefined ? 'no answer' : q.answer.addresses.join(' ') || q.answer.rcode}</code>
                </li>
              ))}
            </ul>
          )}
          {walks.value.length > 0 && <Player />}
          {walk.value !== undefined && <HopTable walk={walk.value} />}
          {report.notes.map((note) => (
            <p key={note} class="note">
              {note}
            </p>
          ))}
          <a class="download" href={`api/trace/${answer.value?.id}.pcapng`} download="portico-trace.pcapng">
            Download the capture (pcapng)
          </a>
        </section>
      )}
    </aside>
  );
}

const KEYS: readonly (readonly [key: string, what: string])[] = [
  ['/', 'search'],
  ['↑ ↓ ← →', 'move between pods and Services'],
  ['Enter', 'select'],
  ['p', 'play or pause'],
  [',  .', 'one hop back, one on'],
  ['Esc', 'let go'],
];

function Hint() {
  return (
    <div class="first">
      <p>
        Choose a client and a Service, or click them in the picture, and press Trace: a real connection is made, and its
        packets are shown at every interface they pass.
      </p>
      <dl>
        {KEYS.map(([key, what]) => (
          <>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </>
        ))}
      </dl>
    </div>
  );
}

function Choose({
  label,
  groups,
  chosen,
}: {
  label: string;
  groups: readonly ChoiceGroup[];
  chosen: { value: string };
}) {
  const id = `choose-${label.toLowerCase()}`;
  const known = groups.some((group) => group.choices.some((choice) => choice.value === chosen.value));
  return (
    <div class="choose ends">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={known ? chosen.value : ''}
        onChange={(event) => (chosen.value = event.currentTarget.value)}
      >
        <option value="">choose…</option>
        {groups.map((group) => (
          <optgroup key={group.label} label={group.label}>
            {group.choices.map((choice) => (
              <option key={choice.value} value={choice.value}>
                {choice.label}
              </option>
            ))}
          </optgroup>
        ))}
      </select>
    </div>
  );
}

function Amount({ label, most, chosen }: { label: string; most: number; chosen: { value: number } }) {
  const id = `amount-${label.toLowerCase().replaceAll(/\W/g, '')}`;
  return (
    <div class="choose">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="number"
        min={1}
        max={most}
        required
        value={chosen.value}
        onInput={(event) => {
          const { valueAsNumber } = event.currentTarget;
          // What cannot be sent is refused by the form itself.
          if (Number.isInteger(valueAsNumber)) chosen.value = valueAsNumber;
        }}
      />
    </div>
  );
}
