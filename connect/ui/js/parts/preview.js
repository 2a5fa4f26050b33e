// What a config would do to real records: each with what every step made of it, and what would be written.
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { call } from "../api.js";
import { ErrorBox } from "./errors.js";
import { Fault, StepView, stageName } from "./record.js";
import { count, plain } from "./text.js";

const RECORDS = 20;
const WAIT_MS = 10000;

/** `config` is what is edited; `name` the connector whose committed offsets may be asked for, or null. */
export function Preview({ config, name, close }) {
  const [from, setFrom] = useState("");
  const [state, setState] = useState({ isBusy: true });
  const [chosen, setChosen] = useState(0);
  const [run, setRun] = useState(0);
  useEffect(() => {
    const giving = new AbortController();
    setState({ isBusy: true });
    setChosen(0);
    const body = { config, records: RECORDS, timeout_ms: WAIT_MS, from: from || null, name };
    call("POST", "/v1/preview", { body, signal: giving.signal, timeoutMs: WAIT_MS + 20000 }).then(
      (told) => setState({ told }),
      (failure) => failure.name !== "AbortError" && setState({ failure }),
    );
    return () => giving.abort();
  }, [run, from]);
  const { told, failure, isBusy } = state;
  return html`<section class="card preview" aria-label="Preview"><div class="card-head"><h2>Preview</h2>
      <label>from <select value=${from} onChange=${(event) => setFrom(event.target.value)}><option value="">as it would begin</option><option value="earliest">the first record</option><option value="latest">the latest records</option><option value="committed">where it stands</option></select></label>
      <button type="button" class="small" disabled=${isBusy} onClick=${() => setRun(run + 1)}>Again</button>
      <button type="button" class="icon" aria-label="Close the preview" onClick=${close}>✕</button></div>
    <div aria-live="polite">
      ${isBusy && html`<p class="quiet loading" aria-busy="true">Reading up to ${RECORDS} records; nothing is stored, and no offset moves.</p>`}
      ${failure && html`<${ErrorBox} failure=${failure} what="There is no preview" retry=${() => setRun(run + 1)} />`}
      ${told && html`<${Told} told=${told} chosen=${chosen} setChosen=${setChosen} />`}
    </div>
  </section>`;
}

function Told({ told, chosen, setChosen }) {
  const walk = told.walks[Math.min(chosen, told.walks.length - 1)];
  const lasts = (one) => one.steps.at(-1);
  return html`
    <p class="quiet">${count(told.walks.length, "record")} in ${told.took_ms} ms${told.ended_by === "time" ? "; the time ran out" : told.ended_by === "size" ? "; it would be too much to show more" : ""}</p>
    ${told.error && html`<${Fault} error=${told.error} />`}
    ${(told.problems ?? []).map((one) => html`<p class="bad-text"><span class="mono">${plain(one.name, 100)}</span> ${plain(one.message, 600)}</p>`)}
    ${told.walks.length > 0 && html`
      <div class="walks" role="group" aria-label="Records">${told.walks.map((one, i) => html`<button type="button" key=${i} class=${`small ${one.steps.some((step) => step.error) ? "danger-quiet" : ""}`} aria-pressed=${i === chosen} onClick=${() => setChosen(i)}>
        ${one.offset ?? i + 1}${one.steps.some((step) => step.error) ? " ✕" : lasts(one)?.dropped ? " –" : ""}</button>`)}</div>
      ${walk.steps.map((step, i) => html`<details key=${`${chosen}-${i}`} open=${Boolean(step.error) || i === walk.steps.length - 1 || step.changed.length > 0}>
        <summary>${plain(stageName(step, told.type), 100)}${step.changed.length ? ` · ${count(step.changed.length, "change")}` : ""}${step.error ? " · failed" : step.dropped ? " · dropped" : ""}</summary>
        <${StepView} before=${i ? walk.steps[i - 1].records : []} step=${step} /></details>`)}`}
    ${told.target && told.target.kind !== "none" && html`<h3>What would be written: ${plain(told.target.kind, 40)}</h3>
      ${told.target.note && html`<p class="quiet">${plain(told.target.note, 600)}</p>`}
      ${told.target.items.map((item) => html`<pre tabindex="0" role="region" aria-label="Written">${plain(item.text, 4000)}${item.parameters?.length ? `\n-- ${plain(JSON.stringify(item.parameters), 2000)}` : ""}</pre>${item.error && html`<${Fault} error=${item.error} />`}`)}`}
    ${told.walks.length === 0 && !told.error && html`<p class="quiet">No record came in that time.</p>`}`;
}
