// A JSON value as a tree that opens and closes.
import { html } from "../vendor/htm-preact.js";
import { hasMembers } from "./json.js";
import { count, plain } from "./text.js";

const SHOWN_MAX = 200;
const OPEN_DEPTH = 3;

export const JsonTree = ({ value, label }) => html`<div class="tree" role="region" tabindex="0" aria-label=${label}><${Node} name=${null} value=${value} depth=${0} /></div>`;

function Node({ name, value, depth }) {
  const head = name !== null && html`<span class="name">${plain(name, 200)}</span>: `;
  if (!hasMembers(value)) return html`<div class="leaf">${head}<span class=${typeof value === "object" ? "number" : typeof value}>${plain(JSON.stringify(value), 20000)}</span></div>`;
  const isList = Array.isArray(value);
  const entries = isList ? value.map((one, i) => [i, one]) : Object.entries(value);
  if (entries.length === 0) return html`<div class="leaf">${head}${isList ? "[]" : "{}"}</div>`;
  if (name === null && depth === 0) return entries.slice(0, SHOWN_MAX).map(([key, one]) => html`<${Node} key=${key} name=${String(key)} value=${one} depth=${1} />`);
  return html`<details open=${depth < OPEN_DEPTH && entries.length <= 50}><summary>${head}<span class="quiet">${isList ? count(entries.length, "item") : count(entries.length, "member")}</span></summary>
    <div class="inner">${depth > 60 ? html`<span class="quiet">…</span>` : entries.slice(0, SHOWN_MAX).map(([key, one]) => html`<${Node} key=${key} name=${String(key)} value=${one} depth=${depth + 1} />`)}
      ${entries.length > SHOWN_MAX && html`<div class="quiet">and ${entries.length - SHOWN_MAX} more</div>`}</div></details>`;
}
