// How two configs differ, key by key: what was is struck out, what is comes below it.
import { html } from "../vendor/htm-preact.js";
import { plain } from "./text.js";

const SHOWN_MAX = 500;
const cell = (value, kind, isHidden) => (value === null ? html`<span class="quiet">not there</span>`
  : html`<span class=${`diff-${kind}`}>${isHidden ? "[hidden]" : value === "" ? html`<i class="quiet">empty</i>` : plain(value, 4000)}</span>`);

/** `changes` are `{key, before, after, hidden}`; `titles` are of the two columns. */
export function Diff({ changes, titles = ["Before", "After"], label = "Changes" }) {
  if (changes.length === 0) return html`<p class="quiet">No key differs.</p>`;
  return html`<div class="scroll tall" tabindex="0" role="region" aria-label=${label}><table class="diff">
    <thead><tr><th scope="col">Key</th>${titles.map((title) => html`<th scope="col">${title}</th>`)}</tr></thead>
    <tbody>${changes.slice(0, SHOWN_MAX).map((one) => html`<tr key=${one.key}>
      <th scope="row" class="mono">${plain(one.key, 300)}</th>
      <td data-title=${titles[0]}>${cell(one.before, "before", one.hidden)}</td>
      <td data-title=${titles[1]}>${cell(one.after, "after", one.hidden)}${one.hidden && html`<span class="quiet"> another secret</span>`}</td></tr>`)}</tbody>
  </table></div>
  ${changes.length > SHOWN_MAX && html`<p class="quiet">and ${changes.length - SHOWN_MAX} more</p>`}`;
}
