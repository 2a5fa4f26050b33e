// A state as a badge: shape and word say it, the colour says it again.
import { html } from "../vendor/htm-preact.js";

const KINDS = {
  RUNNING: ["good", "●"],
  FAILED: ["bad", "✕"],
  PAUSED: ["idle", "Ⅱ"],
  STOPPED: ["idle", "■"],
  UNASSIGNED: ["warn", "◌"],
  RESTARTING: ["warn", "↻"],
  DESTROYED: ["idle", "–"],
};

/** `state` is Kafka Connect's; `pending` is what was asked for and has not been answered yet. */
export function Badge({ state, note, pending }) {
  const [kind, sign] = KINDS[state] ?? ["idle", "?"];
  if (pending) return html`<span class="badge pending"><span class="sign" aria-hidden="true">…</span>${pending}</span>`;
  return html`<span class=${`badge ${kind}`}><span class="sign" aria-hidden="true">${sign}</span>${(state ?? "unknown").toLowerCase()}${note && html`<span class="badge-note"> ${note}</span>`}</span>`;
}

/** A word in a quiet frame: a kind of thing, a number beside a title. */
export const Tag = ({ children, kind = "" }) => html`<span class=${`tag ${kind}`}>${children}</span>`;
