// Two connectors' configs side by side.
import { html } from "../vendor/htm-preact.js";
import { get, url } from "../api.js";
import { live } from "../live.js";
import { changesOf } from "../parts/configtext.js";
import { Diff } from "../parts/diff.js";
import { Draft } from "../parts/draft.js";
import { Loaded } from "../parts/errors.js";
import { useLoaded } from "../parts/loaded.js";
import { count, plain } from "../parts/text.js";
import { connectorPath, href, route, setQuery } from "../router.js";
import { useStore } from "../store.js";

export const view = Compare;

function Compare() {
  const { query } = useStore(route);
  const rows = useStore(live, (value) => value.rows);
  const names = [...rows.keys()].sort();
  const pick = (side, label) => html`<label>${label} <${Draft} list="connectors" value=${query[side] ?? ""} placeholder="name" spellcheck=${false} onGiven=${(text) => setQuery({ [side]: text.trim() })} /></label>`;
  return html`<header class="page-head"><h1>Compare two connectors</h1></header>
    <datalist id="connectors">${names.slice(0, 2000).map((name) => html`<option value=${name} />`)}</datalist>
    <div class="toolbar">${pick("a", "This one")}${pick("b", "with")}</div>
    ${query.a && query.b ? html`<${Both} a=${query.a} b=${query.b} />` : html`<p class="empty">Name two connectors.</p>`}`;
}

function Both({ a, b }) {
  const of = useLoaded(async (signal) => Promise.all([a, b].map((name) => get(url`/v1/connectors/${name}/config`, {}, { signal }))), [a, b]);
  return html`<${Loaded} of=${of} what="The configs could not be loaded">${([one, other]) => {
    const strip = ({ name: _, ...config }) => config;
    const changes = changesOf(strip(one), strip(other));
    const same = Object.keys(one).filter((key) => key !== "name" && one[key] === other[key]).length;
    return html`<section class="card"><p class="quiet">${count(same, "key")} ${same === 1 ? "is" : "are"} the same. <a href=${href(connectorPath(a, "config"))}>Edit ${plain(a, 60)}</a> · <a href=${href(connectorPath(b, "config"))}>Edit ${plain(b, 60)}</a></p>
      <${Diff} changes=${changes} titles=${[plain(a, 100), plain(b, 100)]} label="Differences" /></section>`;
  }}<//>`;
}
