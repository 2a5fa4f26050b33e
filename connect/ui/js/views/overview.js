// All connectors: whether there is something to worry about, and the table.
import { html, useEffect, useMemo, useState } from "../vendor/htm-preact.js";
import { BASE, get } from "../api.js";
import { ACTIONS, actOnAll, commandOf, marks } from "../actions.js";
import { live, reconnect } from "../live.js";
import { ActionBar, useCanChange } from "../parts/actionbar.js";
import { Badge } from "../parts/badge.js";
import { Command } from "../parts/copy.js";
import { ErrorBox } from "../parts/errors.js";
import { fromJson } from "../parts/json.js";
import { useLoaded } from "../parts/loaded.js";
import { Table } from "../parts/table.js";
import { count, oneLine, plain, shortClass } from "../parts/text.js";
import { clock, figure, span, useNow } from "../parts/time.js";
import { connectorPath, go, href, route, setQuery } from "../router.js";
import { useStore } from "../store.js";

const BULK = ["pause", "resume", "stop", "restart-failed"];
const WORST = { FAILED: 0, UNASSIGNED: 1, RESTARTING: 1, RUNNING: 2, PAUSED: 2, STOPPED: 2 };
const STATES = ["FAILED", "UNASSIGNED", "RESTARTING", "RUNNING", "PAUSED", "STOPPED"];
const TOLD_MAX = 5;
const WARNED_MS = 20000;
const QUIET_MS = 2000;

const byName = (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
/** What worries comes first: failures, then lag, then the name. */
const byWorry = (a, b) => (WORST[a.worst] ?? 1) - (WORST[b.worst] ?? 1) || (b.lag ?? -1) - (a.lag ?? -1) || byName(a, b);

const VALUES = {
  name: (row) => row.name,
  state: (row) => WORST[row.worst] ?? 1,
  type: (row) => row.type,
  class: (row) => shortClass(row.class),
  tasks: (row) => row.tasks.total,
  rate: (row) => row.records_per_second,
  p99: (row) => row.batch_ms_p99,
  lag: (row) => row.lag,
  error: (row) => row.last_error?.at ?? (row.last_error ? 0 : null),
  restarts: (row) => row.restarts,
};
const DOWN = ["tasks", "rate", "p99", "lag", "error", "restarts"];

export const view = Overview;

function Overview() {
  const { rows, failure, isLoaded } = useStore(live);
  const { query } = useStore(route);
  const [selected, setSelected] = useState(() => new Set());
  const [results, setResults] = useState(null);
  const canChange = useCanChange();
  const all = useMemo(() => [...rows.values()], [rows]);
  const shown = useMemo(() => arranged(all, query), [all, query]);
  if (!isLoaded) {
    return failure
      ? html`<${ErrorBox} failure=${failure} what="The connectors could not be loaded" />`
      : html`<p class="quiet loading" aria-busy="true">Loading…</p>`;
  }
  const chosen = all.filter((row) => selected.has(row.name));
  const select = (keys, isOn) => {
    const next = new Set(selected);
    for (const key of keys) isOn ? next.add(key) : next.delete(key);
    setSelected(next);
  };
  const sort = { by: query.sort ?? "", dir: query.dir ?? (DOWN.includes(query.sort) ? "desc" : "asc") };
  const onSort = (by) => {
    // Once more turns it round, and a third time is the order of worry again.
    const first = DOWN.includes(by) ? "desc" : "asc";
    if (sort.by !== by) setQuery({ sort: by, dir: null });
    else if (sort.dir === first) setQuery({ dir: first === "asc" ? "desc" : "asc" });
    else setQuery({ sort: null, dir: null });
  };
  return html`
    <h1 class="hidden">Connectors</h1>
    ${failure && html`<${ErrorBox} failure=${failure} what="The connection to the worker is lost; what is below is old" retry=${reconnect} />`}
    <${Worry} rows=${all} />
    ${all.length === 0 ? html`<${None} canChange=${canChange} />` : html`
      <${Toolbar} rows=${all} shown=${shown.length} query=${query} canChange=${canChange} />
      ${chosen.length > 0 && html`<${Bulk} chosen=${chosen} clear=${() => setSelected(new Set())} setResults=${setResults} />`}
      ${results && html`<${Results} of=${results} close=${() => setResults(null)} />`}
      ${shown.length === 0
        ? html`<p class="empty">No connector is like that. <a href="#/">Show all ${all.length.toLocaleString("en")}</a></p>`
        : html`<${Table} label="Connectors" kind="connectors" columns=${COLUMNS} rows=${shown} keyOf=${(row) => row.name} sort=${sort} onSort=${onSort}
            selected=${selected} onSelect=${canChange ? select : undefined} onOpen=${(row) => go(connectorPath(row.name))}
            rowClass=${(row) => (row.worst === "FAILED" ? "failed" : "")} />`}`}
  `;
}

function arranged(all, query) {
  const text = (query.q ?? "").toLowerCase();
  const found = all.filter((row) =>
    (!text || row.name.toLowerCase().includes(text) || (row.class ?? "").toLowerCase().includes(text))
    && (!query.state || row.worst === query.state)
    && (!query.type || row.type === query.type));
  const value = VALUES[query.sort];
  if (!value) return found.sort(byWorry);
  const turn = (query.dir ?? (DOWN.includes(query.sort) ? "desc" : "asc")) === "desc" ? -1 : 1;
  const keyed = found.map((row) => [value(row), row]);
  // What has no value comes last, whichever way.
  return keyed.sort(([a, x], [b, y]) => (a === null) - (b === null) || (a < b ? -turn : a > b ? turn : 0) || byName(x, y)).map(([, row]) => row);
}

// -- should I worry? -------------------------------------------------------------------------------------------------

function Worry({ rows }) {
  const now = useNow(5000);
  const failed = rows.filter((row) => row.worst === "FAILED").sort((a, b) => (b.failed_since ?? 0) - (a.failed_since ?? 0) || byName(a, b));
  const warned = useLoaded((signal) => get("/v1/warnings", {}, { signal }), [], WARNED_MS);
  // What has just begun to wait or come back is asked for once things are quiet: of a thousand connectors it costs a worker
  // a tenth of a second.
  const states = rows.map((row) => row.worst).join();
  useEffect(() => {
    const timer = setTimeout(warned.reload, QUIET_MS);
    return () => clearTimeout(timer);
  }, [states]);
  const told = (warned.data?.warnings ?? []).filter((one) => !/\.failed$/.test(one.code ?? ""));
  const waiting = waits(told, rows);
  const others = told.filter((one) => !WAITS.test(one.code ?? ""));
  const kind = failed.length ? "bad" : waiting.size ? "warn" : "good";
  return html`<section aria-label="Should I worry?" class=${`worry ${kind}`} aria-live="polite">
    ${failed.length === 0
      ? waiting.size === 0 && html`<p class="worry-head"><span class="sign" aria-hidden="true">●</span><strong>${calm(rows)}</strong></p>`
      : html`<p class="worry-head"><span class="sign" aria-hidden="true">✕</span><strong><a href=${href("/", { state: "FAILED" })}>${failed.length} failed</a></strong>
          <span class="quiet">of ${count(rows.length, "connector")}</span></p>
        <ul>${failed.slice(0, TOLD_MAX).map((row) => html`<li key=${row.name}>
          <a href=${href(connectorPath(row.name))}>${plain(row.name, 80)}</a>
          <span class="since">${row.failed_since ? html`since ${clock(row.failed_since)} <span class="quiet">(${span(now - row.failed_since)})</span>` : ""}</span>
          <span class="cause" title=${oneLine(row.last_error?.message ?? "")}>${oneLine(row.last_error?.message ?? "the cause is on its page")}</span></li>`)}
        </ul>
        ${failed.length > TOLD_MAX && html`<p><a href=${href("/", { state: "FAILED" })}>and ${failed.length - TOLD_MAX} more</a></p>`}`}
    ${waiting.size > 0 && html`<p class="worry-head waits"><span class="sign" aria-hidden="true">◌</span><strong>${waiting.size === 1 ? "1 waits" : `${waiting.size} wait`}</strong>
        ${failed.length === 0 && html`<span class="quiet">of ${count(rows.length, "connector")}, and none failed</span>`}</p>
      <ul>${[...waiting].slice(0, TOLD_MAX).map(([name, why]) => html`<li key=${name}><a href=${href(connectorPath(name))}>${plain(name, 80)}</a> <span class="since">waits</span> <span class="cause" title=${oneLine(why)}>${oneLine(why)}</span></li>`)}</ul>
      ${waiting.size > TOLD_MAX && html`<p class="quiet">and ${waiting.size - TOLD_MAX} more</p>`}`}
    ${warned.failure && html`<${ErrorBox} failure=${warned.failure} what="The warnings could not be loaded" retry=${warned.reload} />`}
    ${others.length > 0 && html`<details class="warnings"><summary>${count(others.length, "warning")}</summary>
      <ul>${others.slice(0, 50).map((one) => html`<li><span class="mono quiet">${plain(one.code)}</span> ${plain(one.message, 600)}</li>`)}</ul></details>`}
  </section>`;
}

const WAITS = /\.waiting$/;

/** By name, what connectors cannot go on without, such as a server: of a task the warning names its connector and number. */
function waits(warnings, rows) {
  const known = new Set(rows.map((row) => row.name));
  const found = new Map();
  for (const { code, subject, message } of warnings) {
    if (!WAITS.test(code ?? "")) continue;
    const name = code === "task.waiting" ? subject.replace(/-\d+$/, "") : subject;
    if (known.has(name) && !found.has(name)) found.set(name, message.replace(/^waits: /, ""));
  }
  return found;
}

function calm(rows) {
  if (rows.length === 0) return "Nothing runs yet";
  const running = rows.filter((row) => row.worst === "RUNNING").length;
  return running === rows.length ? `${rows.length === 1 ? "The connector runs" : `All ${rows.length} connectors run`}` : `${running} of ${count(rows.length, "connector")} run, and none failed`;
}

const None = ({ canChange }) => html`<div class="empty">
  <h2>No connectors</h2>
  <p>${canChange ? html`<a class="button primary" href="#/new">New connector</a>` : "Who has the role write can create one."}</p>
  <p class="quiet">Or from a shell:</p>
  <${Command} text=${`connect connector create --url ${BASE} configs/file-source.json`} />
</div>`;

// -- filters, and what is done to many -------------------------------------------------------------------------------

function Toolbar({ rows, shown, query, canChange }) {
  const counts = Object.fromEntries(STATES.map((state) => [state, rows.filter((row) => row.worst === state).length]));
  const chip = (state, label, n) => html`<a key=${label} class="chip" aria-current=${(query.state ?? "") === state ? "true" : undefined}
    href=${href("/", { ...query, state })}>${label} <b>${n.toLocaleString("en")}</b></a>`;
  return html`<div class="toolbar" role="search">
    <input type="search" data-filter placeholder="Filter by name or class  ( / )" aria-label="Filter by name or class" value=${query.q ?? ""}
      onInput=${(event) => setQuery({ q: event.target.value })} onKeyDown=${(event) => event.key === "Escape" && event.target.blur()} />
    <div class="chips" role="group" aria-label="State">
      ${chip("", "All", rows.length)}
      ${STATES.filter((state) => counts[state] || query.state === state).map((state) => chip(state, state[0] + state.slice(1).toLowerCase(), counts[state]))}
    </div>
    <div class="chips" role="group" aria-label="Type">${["source", "sink"].map((type) => html`<a key=${type} class="chip"
      aria-current=${query.type === type ? "true" : undefined} href=${href("/", { ...query, type: query.type === type ? "" : type })}>${type}s${" "}<b>${rows.filter((row) => row.type === type).length.toLocaleString("en")}</b></a>`)}</div>
    <span class="quiet shown" role="status">${shown === rows.length ? "" : `${shown} shown`}</span>
    ${canChange && html`<a class="button primary" href="#/new">New connector</a>`}
  </div>`;
}

function Bulk({ chosen, clear, setResults }) {
  const actions = BULK.map((verb) => {
    const fitting = chosen.filter(ACTIONS[verb].fits).map((row) => row.name);
    return {
      label: `${ACTIONS[verb].label} ${fitting.length}`, disabled: fitting.length === 0,
      command: fitting.map((name) => commandOf(verb, name)).join("\n"),
      onClick: () => actOnAll(verb, fitting, (done) => setResults({ verb, done, total: fitting.length })),
    };
  });
  return html`<div class="bulk" role="region" aria-label="Selected connectors">
    <strong>${count(chosen.length, "connector")} selected</strong>
    <${ActionBar} actions=${actions} label="For all that are selected" />
    ${chosen.length === 2 && html`<a class="button" href=${href("/compare", { a: chosen[0].name, b: chosen[1].name })}>Compare</a>`}
    <button type="button" class="quiet-button" onClick=${clear}>Select none</button>
  </div>`;
}

function Results({ of, close }) {
  const refused = of.done.filter((one) => one.failure);
  return html`<section class="results" aria-label="Results">
    <header><strong>${ACTIONS[of.verb].label}: ${of.done.length} of ${of.total}</strong>${refused.length > 0 && html` <span class="bad-text">${refused.length} refused</span>`}
      <button type="button" class="icon" aria-label="Close the results" onClick=${close}>✕</button></header>
    <ul>${[...refused, ...of.done.filter((one) => !one.failure)].map((one) => html`<li key=${one.name}>
      <span class=${one.failure ? "bad-text" : "good-text"} aria-hidden="true">${one.failure ? "✕" : "✓"}</span>
      <a href=${href(connectorPath(one.name))}>${plain(one.name, 80)}</a>
      <span>${one.failure ? plain(one.failure.text ?? one.failure.message, 500) : ACTIONS[of.verb].done}</span>
      <span class="quiet">${clock(one.at)}</span></li>`)}</ul>
  </section>`;
}

// -- the table -------------------------------------------------------------------------------------------------------

function State({ row }) {
  const mark = useStore(marks, (all) => all.get(row.name));
  const note = row.worst === "FAILED" && row.tasks.failed && row.tasks.total > 1 ? `${row.tasks.failed} of ${row.tasks.total} tasks` : null;
  return html`<${Badge} state=${row.worst} pending=${mark?.doing} note=${note} />
    ${mark && !mark.doing && Date.now() - mark.at < 60000 && html` <span class=${`done-at ${mark.failure ? "bad-text" : "quiet"}`} title=${mark.failure?.text}>${mark.failure ? "refused" : ""} ${clock(mark.at)}</span>`}`;
}

const Name = ({ name }) => html`<a href=${href(connectorPath(name))} title=${plain(name)}>${plain(name, 200)}</a>`;

/** A source's offset, which is JSON, in few words: "position 14"; one that was cut is shown as it is. */
function position(text) {
  if (text === null || text === undefined) return "–";
  try {
    return plain(Object.entries(fromJson(text)).map(([key, value]) => `${key} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", "), 80);
  } catch {
    return plain(text, 80);
  }
}

const Figure = ({ value }) => (value === null || value === undefined ? html`<span class="quiet">–</span>` : figure(value));

const age = (at) => (at ? span(Date.now() - at) : "now");

const COLUMNS = [
  { id: "name", title: "Name", cell: (row) => html`<${Name} name=${row.name} />` },
  { id: "state", title: "State", cell: (row) => html`<${State} row=${row} />` },
  { id: "type", title: "Type", cell: (row) => row.type },
  { id: "class", title: "Class", cell: (row) => html`<span title=${plain(row.class)}>${shortClass(row.class)}</span>` },
  { id: "tasks", title: "Tasks", short: "tasks", num: true, hint: "Tasks that run, of all", cell: (row) => `${row.tasks.running}/${row.tasks.total}` },
  { id: "rate", title: "Records/s", short: "rec/s", num: true, cell: (row) => html`<${Figure} value=${row.records_per_second} />` },
  { id: "p99", title: "p99 ms", num: true, hint: "A batch takes at most so long, in 99 of 100 cases", cell: (row) => html`<${Figure} value=${row.batch_ms_p99} />` },
  { id: "lag", title: "Lag", short: "lag", num: true, hint: "Records that wait for a sink; how far a source has come", cell: (row) => (row.lag !== null && row.lag !== undefined ? figure(row.lag) : html`<span class="quiet position" title=${plain(row.position ?? "")}>${position(row.position)}</span>`) },
  { id: "error", title: "Last error", short: "error", num: true, hint: "How long ago", cell: (row) => (row.last_error ? html`<span title=${oneLine(row.last_error.message)}>${age(row.last_error.at)}</span>` : html`<span class="quiet">–</span>`) },
  { id: "restarts", title: "Restarts", num: true, cell: (row) => (row.restarts ? row.restarts : html`<span class="quiet">0</span>`) },
];
