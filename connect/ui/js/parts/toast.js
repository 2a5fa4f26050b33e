// What became of actions: a list at the edge of the page, read out politely; what went well goes by itself.
import { html } from "../vendor/htm-preact.js";
import { createStore, useStore } from "../store.js";
import { plain } from "./text.js";
import { clock } from "./time.js";

const GOOD_FOR_MS = 6000;
const KEPT_MAX = 6;
const notes = createStore([]);
let last = 0;

/** Say something: `kind` is "good" or "bad"; `lines` are one for each thing, `{name, text, failed}`. */
export function say(kind, text, lines = []) {
  const note = { id: ++last, kind, text, lines, at: Date.now() };
  notes.set([...notes.get(), note].slice(-KEPT_MAX));
  if (kind === "good") setTimeout(() => drop(note.id), GOOD_FOR_MS);
}

const drop = (id) => notes.set(notes.get().filter((note) => note.id !== id));

export function Toasts() {
  const shown = useStore(notes);
  return html`<div class="toasts" role="status" aria-live="polite" aria-label="What became of actions">
    ${shown.map((note) => html`<div key=${note.id} class=${`toast ${note.kind}`}>
      <p><strong>${plain(note.text, 500)}</strong> <span class="quiet">${clock(note.at)}</span></p>
      ${note.lines.length > 0 && html`<ul>${note.lines.map((line) => html`<li class=${line.failed ? "failed" : ""}>
        <span class="mono">${plain(line.name, 120)}</span> ${plain(line.text, 500)}</li>`)}</ul>`}
      <button type="button" class="icon" aria-label="Dismiss" onClick=${() => drop(note.id)}>✕</button>
    </div>`)}
  </div>`;
}
