// What the worker logged of a connector, and how much it logs.
import { html, useState } from "../vendor/htm-preact.js";
import { call, curl, get, url } from "../api.js";
import { useCanChange } from "../parts/actionbar.js";
import { Command } from "../parts/copy.js";
import { ErrorBox, Loaded } from "../parts/errors.js";
import { useLoaded } from "../parts/loaded.js";
import { Pre } from "../parts/pre.js";
import { count, plain } from "../parts/text.js";
import { clock } from "../parts/time.js";

const LINES = 1000;
const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"];

export const view = Logs;

function Logs({ name }) {
  const [isFrozen, freeze] = useState(false);
  const [level, setLevel] = useState("");
  const [filter, setFilter] = useState("");
  const logs = useLoaded((signal) => get(url`/v1/connectors/${name}/logs`, { lines: LINES, level: level || null }, { signal }), [name, level], isFrozen ? 0 : 2000);
  const text = filter.toLowerCase();
  return html`<section class="card" aria-label="Logs">
    <div class="log-bar">
      <input type="search" data-filter placeholder="Filter the lines  ( / )" aria-label="Filter the lines" value=${filter} onInput=${(event) => setFilter(event.target.value)} />
      <label>Show <select value=${level} onChange=${(event) => setLevel(event.target.value)}>
        <option value="">all</option>${["INFO", "WARN", "ERROR"].map((one) => html`<option value=${one}>${one} and worse</option>`)}</select></label>
      <${Level} name=${name} />
      <button type="button" class="small" aria-pressed=${isFrozen} onClick=${() => freeze(!isFrozen)}>${isFrozen ? "Go on" : "Freeze"}</button>
    </div>
    <${Loaded} of=${logs} what="The log could not be loaded">${(told) => {
      const lines = told.lines.filter((line) => !text || `${line.text} ${line.trace ?? ""} ${line.logger}`.toLowerCase().includes(text));
      return html`<p class="quiet">${told.lines.length === 0 ? `Nothing was logged of it${level ? " of that level" : ""} since the worker started${told.dropped ? "" : "."}` : lines.length === 0 ? "No line is like that" : count(lines.length, "line")}${lines.length < told.lines.length ? ` of ${told.lines.length}` : ""}${lines.length > 1 ? ", the newest first" : ""}${told.dropped ? `; ${count(told.dropped, "older one")} are no longer kept` : ""}</p>
        <ol class="log" tabindex="0" aria-label="Lines">${lines.toReversed().map((line, i) => html`<li key=${`${line.at}/${lines.length - i}`} class=${line.level}>
          <span class="at">${clock(line.at)}</span><span class="level">${plain(line.level, 12)}</span>
          <span class="text">${line.task !== null && line.task !== undefined ? html`<span class="quiet">task ${line.task} </span>` : ""}${plain(line.text, 4000)}
            <span class="quiet logger"> ${plain(line.logger, 120)}</span>
            ${line.trace && html`<details><summary>trace</summary><${Pre} text=${line.trace} label="Trace" /></details>`}</span></li>`)}</ol>`;
    }}<//>
  </section>`;
}

/** How much the plugin's code and the runtime log of this connector, until the worker ends. */
function Level({ name }) {
  const logger = `connect.connector.${name}`;
  const path = url`/admin/loggers/${logger}`;
  const told = useLoaded((signal) => get(path, {}, { signal }).catch((failure) => {
    // A logger that nothing was logged to yet has its parent's level.
    if (failure.status === 404) return { level: "" };
    throw failure;
  }), [name]);
  const [failure, setFailure] = useState(null);
  const canChange = useCanChange();
  const set = async (level) => {
    setFailure(null);
    try {
      await call("PUT", path, { body: { level } });
    } catch (error) {
      setFailure(error);
    }
    told.reload();
  };
  const shown = failure ?? told.failure;
  if (shown) return html`<${ErrorBox} failure=${shown} what=${failure ? "The level could not be set" : "The level could not be loaded"} retry=${() => {
    setFailure(null);
    told.reload();
  }} />`;
  if (!canChange || !told.data) return null;
  return html`<label>Log level <select value=${told.data.level} onChange=${(event) => set(event.target.value)}>
      ${!LEVELS.includes(told.data.level) && html`<option value=${told.data.level}>${told.data.level || "as the rest"}</option>`}
      ${LEVELS.map((one) => html`<option value=${one}>${one}</option>`)}</select></label>
    <details class="curl"><summary>curl</summary><${Command} text=${curl("PUT", path, { level: "DEBUG" })} /></details>`;
}
