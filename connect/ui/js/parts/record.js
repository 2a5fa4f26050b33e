// A record as lines of JSON, with what a step changed marked.
import { html } from "../vendor/htm-preact.js";
import { hasMembers } from "./json.js";
import { oneLine, plain } from "./text.js";
import { clock } from "./time.js";

const LINES_MAX = 400;

/**
 * `record` is of the REST's walks. `changed` are `{path, kind}`; of them those of `kinds` are marked, and all that lies
 * below their paths.
 */
export function RecordView({ record, changed = [], kinds = ["added", "changed"], label }) {
  const marked = changed.filter((one) => kinds.includes(one.kind)).map((one) => one.path);
  const isMarked = (path) => marked.some((one) => path === one || path.startsWith(`${one}.`) || path.startsWith(`${one}[`));
  const lines = [];
  const at = record.partition === null || record.partition === undefined ? "" : `-${record.partition}`;
  const offset = record.offset === null || record.offset === undefined ? "" : ` @ ${record.offset}`;
  lines.push({ path: "topic", depth: 0, name: null, text: `${record.topic}${at}${offset}`, isMeta: true });
  if (isMarked("timestamp")) lines.push({ path: "timestamp", depth: 0, name: "timestamp", text: clock(record.timestamp) });
  add(lines, "key", record.key, 0, "key", "");
  add(lines, "value", record.value, 0, "value", "");
  for (const header of record.headers ?? []) add(lines, header.name, header.value, 0, `headers.${header.name}`, "", "header ");
  const shown = lines.slice(0, LINES_MAX);
  return html`<div class="record" role="region" tabindex="0" aria-label=${label ?? "Record"}>
    ${shown.map((line) => html`<div class=${`line ${line.isMeta ? "quiet" : ""}`} style=${{ paddingLeft: `${line.depth * 14}px` }}>
      ${line.prefix && html`<span class="quiet">${line.prefix}</span>`}${line.name !== null && html`<span class="name">${plain(line.name, 200)}</span>`}${line.name !== null && ": "}${isMarked(line.path)
        ? html`<mark>${plain(line.text, 2000)}</mark>`
        : plain(line.text, 2000)}</div>`)}
    ${lines.length > shown.length && html`<div class="quiet">… ${lines.length - shown.length} more lines</div>`}
  </div>`;
}

function add(lines, name, value, depth, path, end, prefix = "") {
  if (lines.length > LINES_MAX + 1000) return;
  if (!hasMembers(value)) {
    lines.push({ path, depth, name, text: JSON.stringify(value) ?? "null", prefix });
    return;
  }
  const isList = Array.isArray(value);
  const parts = isList ? value.map((one, i) => [null, one, `${path}[${i}]`]) : Object.entries(value).map(([key, one]) => [key, one, `${path}.${key}`]);
  const [open, close] = isList ? "[]" : "{}";
  if (parts.length === 0) {
    lines.push({ path, depth, name, text: open + close, prefix });
    return;
  }
  lines.push({ path, depth, name, text: open, prefix });
  for (const [key, one, at] of parts) add(lines, key, one, depth + 1, at, "");
  lines.push({ path, depth, name: null, text: close });
}

/** What a record, or a whole preview, failed on. */
export const Fault = ({ error }) => html`<div class="fault" role="note"><p><strong>${plain(error.message)}</strong></p>
  ${error.hint && html`<p>${plain(error.hint)}</p>`}<p class="mono quiet">${oneLine(error.code)} ${oneLine(error.exception)}</p></div>`;

/** One step of a walk: the records before and after it side by side, or why there is none after. */
export function StepView({ before, step }) {
  return html`<div class="step">
    ${before.length > 0 && html`<div><h4>Before</h4>${before.map((one) => html`<${RecordView} record=${one} changed=${step.changed} kinds=${["removed", "changed"]} label="Before" />`)}</div>`}
    <div><h4>${before.length ? "After" : "Came as"}</h4>
      ${step.error && html`<${Fault} error=${step.error} />`}
      ${step.dropped && html`<p class="quiet">Dropped here.</p>`}
      ${step.applied === false && html`<p class="quiet">Its predicate let it by.</p>`}
      ${step.records.map((one) => html`<${RecordView} record=${one} changed=${step.changed} label="After" />`)}
    </div>
  </div>`;
}

/** The name of a step or stage. */
export const stageName = (step, type) => step.alias ?? { source: "source", topic: "topics", converters: "converters", task: type === "sink" ? "sink" : "task", transform: "transform" }[step.stage] ?? step.stage;
