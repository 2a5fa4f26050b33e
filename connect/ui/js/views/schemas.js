// Schemas: the subjects of the registry that runs in this worker, and which registries converters use.
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { get } from "../api.js";
import { useCanChange } from "../parts/actionbar.js";
import { Command } from "../parts/copy.js";
import { Loaded } from "../parts/errors.js";
import { Level } from "../parts/level.js";
import { useLoaded } from "../parts/loaded.js";
import { Table } from "../parts/table.js";
import { count, plain } from "../parts/text.js";
import { connectorPath, go, href, route, setQuery } from "../router.js";
import { paths, subjectPath } from "../schemas.js";
import { useStore } from "../store.js";

export const view = Schemas;

const EVERY_MS = 10000;
const TYPING_MS = 250;
const USES_MAX = 200;
/** Of more the filter finds those that are meant. */
const SHOWN_MAX = 1000;

function Schemas() {
  const of = useLoaded((signal) => get(paths.info, {}, { signal }), [], EVERY_MS);
  const canChange = useCanChange();
  return html`<header class="page-head"><h1>Schemas</h1>${of.data?.running && canChange && html`<a class="button primary" href="#/new-schema">New schema</a>`}</header>
    <div><${Loaded} of=${of} what="The schema registry could not be asked">${(info) => (info.running ? html`<${Running} info=${info} reload=${of.reload} />` : html`<${Absent} />`)}<//></div>
    <${Used} urls=${of.data?.urls ?? []} />`;
}

function Absent() {
  const workers = useLoaded((signal) => get("/v1/workers", {}, { signal }), []);
  return html`<section class="card none-here" aria-label="No registry"><h2>No schema registry runs in this worker</h2>
    <p>A registry keeps the schemas of records; converters for Avro, Protobuf and JSON Schema need one. A line in the worker's config starts one beside it, with Confluent's REST API:</p>
    <${Command} text="registry.listeners=http://127.0.0.1:8081" />
    <p>or it runs by itself:</p>
    <${Command} text="connect registry --data-dir registry-data" />
    <p class="quiet">The how-to <code>docs/howto/run-a-schema-registry.md</code> says how it is secured, and how one is taken over.${workers.data?.workers.length > 1 ? " Another worker of the group may run one: its page shows it." : ""}</p></section>`;
}

function Running({ info, reload }) {
  return html`
    ${info.trouble && html`<p class="card waiting" role="alert"><strong>The topic ${plain(info.topic, 200)}:</strong> ${plain(info.trouble, 2000)}</p>`}
    ${info.passed_over > 0 && html`<p class="card waiting">${count(info.passed_over, "record")} of ${plain(info.topic, 200)} cannot be read and ${info.passed_over === 1 ? "does" : "do"} not count; the worker's log has each.</p>`}
    <section class="card registry" aria-label="Registry"><p class="facts"><span class="mono">${info.urls.map((one) => plain(one, 200)).join(", ")}</span><span>topic <a href=${href(`/topics/${encodeURIComponent(info.topic)}`)}>${plain(info.topic, 200)}</a></span><span>mode ${plain(info.mode, 40)}</span>${info.contexts.length > 1 && html`<span title=${plain(info.contexts.join("\n"), 2000)}>${count(info.contexts.length, "context")}</span>`}</p>
      <${Level} level=${info.level} onDone=${reload} /></section>
    <${Subjects} reload=${reload} />`;
}

/** The text of a field once its writer pauses: the worker is not asked for each letter. */
function useSettled(text) {
  const [settled, settle] = useState(text);
  useEffect(() => {
    const timer = setTimeout(settle, TYPING_MS, text);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

function Subjects() {
  const { query } = useStore(route);
  const contains = useSettled(query.q ?? "");
  const deleted = query.deleted === "1";
  const of = useLoaded((signal) => get(paths.overview, { contains, deleted, limit: SHOWN_MAX }, { signal }), [contains, deleted], EVERY_MS);
  // What was found before stays while the next is looked for.
  const before = useRef(undefined);
  if (of.data) before.current = of.data;
  return html`<div class="toolbar"><input type="search" data-filter placeholder="Filter" aria-label="Filter the subjects" value=${query.q ?? ""} onInput=${(event) => setQuery({ q: event.target.value })} />
      <label><input type="checkbox" checked=${deleted} onChange=${(event) => setQuery({ deleted: event.target.checked ? "1" : null })} /> deleted ones too</label>
      ${before.current && html`<span class="quiet" role="status">${count(before.current.total, "subject")}${before.current.total > before.current.subjects.length ? `, the first ${before.current.subjects.length.toLocaleString("en")} are shown: filter for others` : ""}</span>`}</div>
    <${Loaded} of=${{ ...of, data: before.current }} what="The subjects could not be loaded">${({ subjects }) => (subjects.length === 0
      ? html`<p class="empty">${contains || deleted ? "No subject is like that." : "No schema is registered yet."}</p>`
      : html`<${Table} label="Subjects" kind="subjects" rows=${subjects} keyOf=${(one) => one.subject} onOpen=${(one) => go(subjectPath(one.subject))} columns=${COLUMNS} />`)}<//>`;
}

const COLUMNS = [
  { id: "name", title: "Subject", cell: (one) => html`<a href=${href(subjectPath(one.subject))} title=${plain(one.subject, 500)}>${plain(one.subject, 200)}</a>${one.is_deleted ? html` <span class="tag">deleted</span>` : ""}` },
  { id: "kind", title: "Type", cell: (one) => plain(one.type, 40) },
  { id: "versions", title: "Versions", num: true, cell: (one) => html`${one.versions.toLocaleString("en")}${one.deleted_versions > 0 ? html` <span class="quiet">+ ${one.deleted_versions.toLocaleString("en")} deleted</span>` : ""}` },
  { id: "id", title: "Newest id", num: true, cell: (one) => one.id },
  { id: "level", title: "Compatibility", short: "Level", cell: (one) => html`${plain(one.level, 40)}${one.level_is_own ? html` <span class="tag">own</span>` : ""}` },
  { id: "mode", title: "Mode", cell: (one) => html`${one.mode === "READWRITE" ? html`<span class="quiet">READWRITE</span>` : html`<strong>${plain(one.mode, 40)}</strong>`}${one.mode_is_own ? html` <span class="tag">own</span>` : ""}` },
  { id: "references", title: "References", num: true, cell: (one) => one.references || html`<span class="quiet">–</span>` },
  { id: "referrers", title: "Referenced by", short: "Referenced", num: true, cell: (one) => one.referenced_by || html`<span class="quiet">–</span>` },
];

/** Which registries converters are configured with. */
function Used({ urls }) {
  const of = useLoaded((signal) => get("/v1/registries", {}, { signal }), []);
  return html`<section class="card spaced" aria-label="Used by converters"><h2>Registries that converters use</h2>
    <${Loaded} of=${of} what="What converters use could not be loaded">${({ registries }) => (registries.length === 0 ? html`<p class="quiet">No converter of the worker or of a connector is configured with one.</p>`
      : html`<ul class="versions">${registries.map((one) => html`<li key=${one.url}><p><span class="mono">${plain(one.url, 400)}</span>${urls.some((url) => one.url.split(",").some((given) => given.trim().replace(/\/+$/, "") === url)) ? html` <span class="tag">this worker's</span>` : ""}</p>
        <ul class="uses">${one.used_by.slice(0, USES_MAX).map((use) => html`<li>${use.connector === null ? "the worker's own config" : html`<a href=${href(connectorPath(use.connector, "config"))}>${plain(use.connector, 120)}</a>`} <span class="quiet mono">${plain(use.key, 200)}</span></li>`)}${one.used_by.length > USES_MAX && html`<li class="quiet">and ${one.used_by.length - USES_MAX} more</li>`}</ul></li>`)}</ul>`)}<//></section>`;
}
