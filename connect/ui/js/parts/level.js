// The level of compatibility of a subject, or of all that have none of their own.
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { call, curl } from "../api.js";
import { LEVELS, paths } from "../schemas.js";
import { ActionBar, useCanChange } from "./actionbar.js";
import { plain } from "./text.js";
import { say } from "./toast.js";

const GENERAL = "";

/**
 * `subject` is null for the general level; `own` says whether `level` was set for it, `config` is all that was, and
 * `general` what else counts. `onDone` is called once it is changed.
 */
export function Level({ subject = null, level, own = true, config = {}, general = null, onDone }) {
  const now = own ? level : GENERAL;
  const [wanted, want] = useState(now);
  useEffect(() => want(now), [now]);
  const canChange = useCanChange();
  const told = wanted === GENERAL ? general : wanted;
  const request = asked(subject, wanted, config);
  const set = async () => {
    try {
      await call(request.method, request.path, request);
      say("good", subject === null ? `The general level is ${wanted}` : wanted === GENERAL ? `${subject} goes by the general level` : `The level of ${subject} is ${wanted}`);
      onDone();
    } catch (failure) {
      say("bad", "The level could not be set", [{ name: subject ?? "", text: failure.text ?? failure.message, failed: true }]);
    }
  };
  return html`<div class="level">
    ${canChange ? html`<label>${subject === null ? "General level" : "Level"} <select value=${wanted} onChange=${(event) => want(event.target.value)}>
      ${subject !== null && html`<option value=${GENERAL}>the general one${general ? ` (${general})` : ""}</option>`}
      ${Object.keys(LEVELS).map((one) => html`<option value=${one}>${one}</option>`)}</select></label>`
    : html`<p>${subject === null ? "General level" : "Level"} <strong>${plain(level, 60)}</strong>${own ? "" : " (the general one)"}</p>`}
    ${told && html`<span class="quiet">${LEVELS[told] ?? plain(told, 60)}</span>`}
    ${wanted !== now && html`<${ActionBar} label="Level" actions=${[{ label: "Set the level", isPrimary: true, command: curl(request.method, request.path, request.body), onClick: set }]} />`}
  </div>`;
}

function asked(subject, wanted, config) {
  const path = paths.config(subject);
  if (wanted !== GENERAL) return { method: "PUT", path, body: { compatibility: wanted } };
  // Whatever else was set for the subject stays.
  const isAlone = Object.keys(config).every((name) => name === "compatibilityLevel");
  return isAlone ? { method: "DELETE", path } : { method: "PUT", path, body: { compatibility: null } };
}
