// A failed request, as an error on the page: status, text, code, hint, and a way to try again.
import { html } from "../vendor/htm-preact.js";
import { curl } from "../api.js";
import { live } from "../live.js";
import { useStore } from "../store.js";
import { plain } from "./text.js";

/** `failure` is an `api.Failure` or any Error; `what` says what could not be done; `retry` is called by the button. */
export function ErrorBox({ failure, what, retry }) {
  const isOfRest = failure.status !== undefined;
  return html`<div class="error-box" role="alert">
    <p class="error-head">
      <strong>${what ?? "This could not be loaded"}</strong>
      ${isOfRest && html` <span class="mono">${failure.method} ${plain(failure.path, 200)}</span>
        <span class="error-status">${failure.status === 0 ? "no answer" : `HTTP ${failure.status}`}</span>`}
      ${failure.code && html` <span class="mono quiet">${plain(failure.code)}</span>`}
    </p>
    <p class="error-text">${plain(failure.text ?? failure.message)}</p>
    ${failure.hint && !String(failure.text).includes(failure.hint) && html`<p class="quiet">${plain(failure.hint)}</p>`}
    ${retry && html`<button type="button" onClick=${retry}>Try again</button>`}
  </div>`;
}

/**
 * Whether a failure is to be told beside what is still shown: that the worker is away stands at the top of the page, and
 * not once more in each part of it.
 */
export function useIsNews(of) {
  const isLost = useStore(live, (value) => value.failure !== null);
  return of.failure !== null && !(isLost && of.failure.status === 0 && of.data !== undefined);
}

/** What was loaded by `useLoaded`: its failure, "loading", or what `children` makes of its data. */
export function Loaded({ of, what, children }) {
  const isNews = useIsNews(of);
  return html`
    ${isNews && html`<${ErrorBox} failure=${of.failure} what=${what} retry=${of.reload} />`}
    ${of.data === undefined ? !of.failure && html`<p class="quiet loading" aria-busy="true">Loading…</p>` : children(of.data)}
  `;
}

/** Part of a report of a defect: what was asked, and what came. */
export const asText = (failure) =>
  `${failure.method} ${failure.path}: ${failure.status} ${failure.code ?? ""} ${failure.text}\n${curl(failure.method, failure.path)}`;
