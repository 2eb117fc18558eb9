import type { ObjectPage } from '../../contract.ts';
import { objectFailure, objectPage, readingObject, readObjectPage } from '../state/object.ts';
import { serviceHref } from '../state/view.ts';
import { Dns, Drift, Events, Mark } from './service-view.tsx';

/** One pod or node across all layers. */
export function ObjectView({ kind, name }: { kind: 'pod' | 'node'; name: string }) {
  const read = objectPage.value;
  return (
    <article
      class="service-page"
      aria-label={`${kind === 'pod' ? 'Pod' : 'Node'} ${name}`}
      aria-busy={readingObject.value}
    >
      <nav aria-label="Back">
        <a href="#/">← Picture</a>
      </nav>
      <h1>
        {name} {read !== undefined && <Drift drift={read.drift} />}
      </h1>
      <div class="bar">
        <ul class="plain facts">
          {read?.facts.map((fact) => (
            <li key={fact}>{fact}</li>
          ))}
        </ul>
        <button type="button" onClick={() => void readObjectPage()} disabled={readingObject.value}>
          {readingObject.value ? 'Reading…' : 'Read again'}
        </button>
      </div>
      {objectFailure.value !== '' && (
        <p class="failure" role="alert">
          {objectFailure.value}
        </p>
      )}
      {read === undefined ? (
        objectFailure.value === '' && <p class="hint">Reading the object and the kernels…</p>
      ) : (
        <>
          <Network read={read} />
          {read.kind === 'pod' && <Services read={read} />}
          {read.rules.length > 0 && <Differing read={read} />}
          {read.dns.length > 0 && <Dns read={read} />}
          <Counters read={read} />
          <Events read={read} />
        </>
      )}
    </article>
  );
}

function Network({ read }: { read: ObjectPage }) {
  return (
    <section aria-labelledby="network-title">
      <h2 id="network-title">Network, as the kernels hold it</h2>
      <div class="scroll" role="group" aria-labelledby="network-title" tabIndex={0}>
        <table class="stacked of-network">
          <thead>
            <tr>
              <th scope="col">State</th>
              <th scope="col">Where</th>
              <th scope="col">Layer</th>
              <th scope="col">What</th>
              <th scope="col">Found</th>
            </tr>
          </thead>
          <tbody>
            {read.network.map((row) => (
              <tr key={`${row.where} ${row.layer} ${row.what}`} data-check={row.ok ? 'ok' : 'differs'}>
                <td>
                  <Mark ok={row.ok} />
                </td>
                <td>{row.where}</td>
                <td>{row.layer}</td>
                <td>{row.what}</td>
                <td>
                  <code>{row.found}</code>
                  {!row.ok && <span class="why">expected {row.expected}</span>}
                  {!row.ok && <code class="command">{row.command}</code>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {read.network.length === 0 && <p class="hint">Nothing of it can be seen from here.</p>}
    </section>
  );
}

function Services({ read }: { read: ObjectPage }) {
  return (
    <section aria-labelledby="services-title">
      <h2 id="services-title">Services that lead here</h2>
      {read.services.length === 0 && <p class="hint">None.</p>}
      <ul class="plain">
        {read.services.map((service) => (
          <li key={service.name}>
            <Mark ok={service.problems.length === 0} /> <a href={serviceHref(service.name)}>{service.name}</a>{' '}
            {service.ready ? 'ready' : 'not ready'}, {service.connections} connections now
            {service.problems.map((problem) => (
              <span key={problem} class="why">
                {problem}
              </span>
            ))}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Differing({ read }: { read: ObjectPage }) {
  return (
    <section aria-labelledby="rules-title">
      <h2 id="rules-title">Rules that differ</h2>
      {read.rules.map((rule) => (
        <div key={rule.address} class="judged">
          <Mark ok={rule.ok} /> <code>{rule.address}</code>
          {rule.problems.map((problem) => (
            <span key={problem} class="why">
              {problem}
            </span>
          ))}
          <code class="command">{rule.command}</code>
        </div>
      ))}
    </section>
  );
}

function Counters({ read }: { read: ObjectPage }) {
  return (
    <section aria-labelledby="counters-title">
      <h2 id="counters-title">Counters</h2>
      <ul class="plain">
        {read.counters.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
      {read.notes.map((note) => (
        <p key={note} class="note">
          {note}
        </p>
      ))}
    </section>
  );
}
