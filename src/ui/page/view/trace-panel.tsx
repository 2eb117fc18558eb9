import { clientChoices, serviceChoices } from '../model/trace-names.ts';
import type { ChoiceGroup } from '../model/trace-names.ts';
import { facts, topology } from '../state/live.ts';
import { answer, client, failure, runTrace, running, target, walk, walks } from '../state/trace.ts';
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
        <button type="submit" class="main" disabled={running.value || client.value === '' || target.value === ''}>
          {running.value ? 'Tracing…' : 'Trace'}
        </button>
      </form>
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
                <li key={q.name}>
                  <code>{q.name}</code> <span class="arrow">→</span>{' '}
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

function Choose({
  label,
  groups,
  chosen,
}: {
  label: string;
  groups: readonly ChoiceGroup[];
  chosen: { value: string };
}) {
  const known = groups.some((group) => group.choices.some((choice) => choice.value === chosen.value));
  return (
    <label class="choose">
      <span>{label}</span>
      <select value={known ? chosen.value : ''} onChange={(event) => (chosen.value = event.currentTarget.value)}>
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
    </label>
  );
}
