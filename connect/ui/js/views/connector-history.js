// The history of a connector's config: who, when, what; any two side by side, and the way back.
import { html, useState } from "../vendor/htm-preact.js";
import { call, curl, get, url } from "../api.js";
import { ActionBar } from "../parts/actionbar.js";
import { changesOf } from "../parts/configtext.js";
import { confirm } from "../parts/dialog.js";
import { Diff } from "../parts/diff.js";
import { Loaded } from "../parts/errors.js";
import { useLoaded } from "../parts/loaded.js";
import { count, oneLine, plain } from "../parts/text.js";
import { clock } from "../parts/time.js";
import { say } from "../parts/toast.js";

export const view = History;

function History({ name }) {
  const of = useLoaded((signal) => get(url`/v1/connectors/${name}/history`, {}, { signal }), [name], 15000);
  return html`<${Loaded} of=${of} what="The history could not be loaded">${(told) => (told.versions.length === 0
    ? html`<p class="empty">No version is kept. Its worker keeps none, or it was made without.</p>`
    : html`<${Versions} name=${name} versions=${told.versions} etag=${told.etag} reload=${of.reload} />`)}<//>`;
}

function Versions({ name, versions, etag, reload }) {
  const newest = versions.at(-1);
  const [pair, setPair] = useState(null);
  // Without a choice it is the last change of the config: a pause has changed no key.
  const changed = versions.findLastIndex((one, i) => i > 0 && one.changes.length > 0);
  const from = versions.find((one) => one.version === pair?.from) ?? versions[Math.max(0, changed - 1)];
  const to = versions.find((one) => one.version === pair?.to) ?? newest;
  const picked = (side) => (event) => setPair({ from: from.version, to: to.version, [side]: Number(event.target.value) });
  const back = (version) => confirm({
    title: `Back to version ${version.version}?`, verb: "Bring it back", command: curl("POST", url`/v1/connectors/${name}/rollback`, { version: version.version, newest: newest.version }),
    text: html`<p>Its config and its state of then (${version.state?.toLowerCase()}) come back, as a version of its own. Offsets stay as they are.</p>
      <${Diff} changes=${changesOf(newest.config, version.config)} titles=${["Now", "Then"]} />`,
    act: async () => {
      await call("POST", url`/v1/connectors/${name}/rollback`, { body: { version: version.version, newest: newest.version }, headers: etag ? { "If-Match": etag } : {} });
      say("good", `${name} is as in version ${version.version}`);
      reload();
    },
  });
  return html`<section class="card"><h2>${count(versions.length, "version")}</h2><ol class="versions" reversed>${[...versions].reverse().map((one) => html`<li key=${one.version}>
      <div class="task"><strong>${one.version}</strong> <span>${plain(one.what, 100)}${one.of ? ` to ${one.of}` : ""}</span> <span class="quiet">${clock(one.at)}</span>
        <span>${plain(one.user, 100)}</span> <span class="quiet mono">${plain(one.address, 100)}</span>${one.state && html`<span class="tag">${one.state.toLowerCase()}</span>`}
        ${one !== newest && one.config && html`<${ActionBar} label=${`Version ${one.version}`} actions=${[{ label: "Back to this", command: curl("POST", url`/v1/connectors/${name}/rollback`, { version: one.version }), onClick: () => back(one) }]} />`}</div>
      ${one.changes.length > 0 && html`<details><summary>${oneLine(one.changes.map((change) => change.key).slice(0, 8).join(", "), 200)}${one.changes.length > 8 ? ` and ${one.changes.length - 8} more` : ""}</summary><${Diff} changes=${one.changes} /></details>`}
    </li>`)}</ol></section>
    ${versions.length > 1 && html`<section class="card"><div class="card-head"><h2>Compare</h2>
      <label>version <select value=${from.version} onChange=${picked("from")}>${versions.map((one) => html`<option value=${one.version}>${one.version}</option>`)}</select></label>
      <label>with <select value=${to.version} onChange=${picked("to")}>${versions.map((one) => html`<option value=${one.version}>${one.version}</option>`)}</select></label></div>
      <${Between} name=${name} from=${from.version} to=${to.version} /></section>`}`;
}

function Between({ name, from, to }) {
  const of = useLoaded((signal) => get(url`/v1/connectors/${name}/history/diff`, { from, to }, { signal }), [name, from, to]);
  return html`<${Loaded} of=${of} what="The versions could not be compared">${(told) => html`<${Diff} changes=${told.changes} titles=${[`Version ${from}`, `Version ${to}`]} label="Between two versions" />`}<//>`;
}
