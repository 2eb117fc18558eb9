import type { ServicePage } from '../../contract.ts';
import { ruleColumns } from '../model/rule-columns.ts';
import { nodeHref, podHref } from '../state/view.ts';
import { page, pageFailure, readPage, reading } from '../state/service.ts';
import { SharePlot } from './share-plot.tsx';

/** One Service across all layers. */
export function ServiceView({ name }: { name: string }) {
  const read = page.value;
  return (
    <article class="service-page" aria-label={`Service ${name}`} aria-busy={reading.value}>
      <nav aria-label="Back">
        <a href="#/">← Picture</a>
      </nav>
      <h1>
        {name} {read !== undefined && <Drift drift={read.drift} />}
      </h1>
      <div class="bar">
        {read !== undefined && (
          <p class="facts">
            {read.service.type} · <code>{read.service.addresses.join(' ') || 'headless'}</code> ·{' '}
            {read.service.ports.join(', ')}
          </p>
        )}
        <button type="button" onClick={() => void readPage()} disabled={reading.value}>
          {reading.value ? 'Reading…' : 'Read again'}
        </button>
      </div>
      {pageFailure.value !== '' && (
        <p class="failure" role="alert">
          {pageFailure.value}
        </p>
      )}
      <SharePlot />
      {read === undefined ? (
        pageFailure.value === '' && <p class="hint">Reading the object, DNS and every node’s kernel…</p>
      ) : (
        <>
          <Endpoints read={read} />
          <Dns read={read} />
          <Rules read={read} />
          <Events read={read} />
        </>
      )}
    </article>
  );
}

export const Drift = ({ drift }: { drift: boolean }) => (
  <span class={`drift ${drift ? 'bad' : 'good'}`} role="status">
    {drift ? 'drift' : 'as it should be'}
  </span>
);

export const Mark = ({ ok }: { ok: boolean }) => (
  <span class={`mark ${ok ? 'good' : 'bad'}`}>{ok ? '✓ ok' : '✗ differs'}</span>
);

function Endpoints({ read }: { read: ServicePage }) {
  return (
    <section aria-labelledby="endpoints-title">
      <h2 id="endpoints-title">Endpoints</h2>
      <div class="scroll" role="group" aria-labelledby="endpoints-title" tabIndex={0}>
        <table class="stacked of-endpoints">
          <thead>
            <tr>
              <th scope="col">Address</th>
              <th scope="col">Port</th>
              <th scope="col">Pod</th>
              <th scope="col">Node</th>
              <th scope="col">Conditions</th>
              <th scope="col">Connections now</th>
            </tr>
          </thead>
          <tbody>
            {read.endpoints.map((e) => (
              <tr key={`${e.address} ${e.port}`}>
                <td>
                  <code>{e.address}</code>
                </td>
                <td>{e.port}</td>
                <td>{e.pod === undefined ? '–' : <a href={podHref(e.pod)}>{e.pod}</a>}</td>
                <td>{e.node === undefined ? '–' : <a href={nodeHref(e.node)}>{e.node}</a>}</td>
                <td class={e.ready ? 'good' : 'bad'}>
                  {[e.ready ? 'ready' : 'not ready', e.serving ? 'serving' : '', e.terminating ? 'terminating' : '']
                    .filter(Boolean)
                    .join(', ')}
                  {e.why !== undefined && <span class="why">{e.why}</span>}
                </td>
                <td data-label="connections now">{e.connections}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {read.endpoints.length === 0 && <p class="hint">None: connections are refused.</p>}
    </section>
  );
}

export function Dns({ read }: { read: Pick<ServicePage, 'dns'> }) {
  return (
    <section aria-labelledby="dns-title">
      <h2 id="dns-title">DNS</h2>
      {read.dns.length === 0 && <p class="hint">This kind of Service has no address to ask for.</p>}
      <ul class="plain">
        {read.dns.map((answer) => (
          <li key={`${answer.name} ${answer.expected.join()}`}>
            <Mark ok={answer.ok} /> <code>{answer.name}</code> → <code>{answer.answer}</code>
            {!answer.ok && <span class="why">expected {answer.expected.join(' ') || 'no address'}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Rules({ read }: { read: ServicePage }) {
  return (
    <section aria-labelledby="rules-title">
      <h2 id="rules-title">What each node’s kernel holds</h2>
      <div class="columns">
        {ruleColumns(read.held).map((column) => (
          <div class="column" key={column.node}>
            <h3>
              {column.node} <small>{column.mode}</small>
            </h3>
            {read.rules
              .filter((rule) => rule.node === column.node)
              .map((rule) => (
                <div key={rule.address} class="judged">
                  <Mark ok={rule.ok} /> <code>{rule.address}</code>
                  {rule.problems.map((problem) => (
                    <span key={problem} class="why">
                      {problem}
                    </span>
                  ))}
                  {!rule.ok && <code class="command">{rule.command}</code>}
                </div>
              ))}
            <ol class="rule-lines" aria-label={`Rules on ${column.node}`}>
              {column.lines.map((line, i) => (
                <li key={i} class={line.missingOn.length > 0 ? 'lonely' : ''}>
                  <code>{line.text}</code>
                  {line.missingOn.length > 0 && <span class="why">not on {line.missingOn.join(', ')}</span>}
                </li>
              ))}
            </ol>
          </div>
        ))}
      </div>
      {read.notes.map((note) => (
        <p key={note} class="note">
          {note}
        </p>
      ))}
    </section>
  );
}

export function Events({ read }: { read: Pick<ServicePage, 'events'> }) {
  if (read.events.length === 0) return null;
  return (
    <section aria-labelledby="events-title">
      <h2 id="events-title">Events</h2>
      <ul class="plain">
        {read.events.map((event) => (
          <li key={event}>{event}</li>
        ))}
      </ul>
    </section>
  );
}
