// Dialogs: the browser's own, which keeps the focus inside and gives it back.
import { html, render, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { Command } from "./copy.js";
import { ErrorBox } from "./errors.js";
import { plain } from "./text.js";

/** `title` may hold what others have named; `onClose` is called however it is closed. */
export function Dialog({ title, children, onClose, wide = false }) {
  const ref = useRef(null);
  useEffect(() => {
    const dialog = ref.current;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  const outside = (event) => event.target === ref.current && onClose();
  return html`<dialog ref=${ref} class=${wide ? "wide" : ""} aria-label=${plain(title, 300)} onClick=${outside} onCancel=${(event) => {
    event.preventDefault();
    onClose();
  }}>
    <div class="dialog-in">
      <header class="dialog-head"><h2>${plain(title, 300)}</h2><button type="button" class="icon" aria-label="Close" onClick=${onClose}>✕</button></header>
      ${children}
    </div>
  </dialog>`;
}

/** Show a dialog outside of any view; `make` is given a function that closes it. Returns what that is called with. */
export function openDialog(make) {
  return new Promise((resolve) => {
    const place = document.createElement("div");
    document.body.append(place);
    const close = (result) => {
      render(null, place);
      place.remove();
      resolve(result);
    };
    render(make(close), place);
  });
}

/**
 * Ask before something is done, with the command that does the same. Resolves to true once `act` is through, and to
 * false where it was left. A failure is shown in the dialog, which stays.
 */
export function confirm({ title, text, command, verb = "Do it", danger = false, act = async () => {} }) {
  return openDialog((close) => html`<${Confirm} ...${{ title, text, command, verb, danger, act, close }} />`);
}

function Confirm({ title, text, command, verb, danger, act, close }) {
  const [failure, setFailure] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const doIt = async () => {
    setBusy(true);
    setFailure(null);
    try {
      await act();
      close(true);
    } catch (error) {
      setFailure(error);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} onClose=${() => close(false)}>
    <div class="dialog-text">${typeof text === "string" ? html`<p>${text}</p>` : text}</div>
    ${failure && html`<${ErrorBox} failure=${failure} what="It was not done" />`}
    ${command && html`<details class="curl"><summary>The same with curl</summary>${[command].flat().map((one) => html`<${Command} text=${one} />`)}</details>`}
    <footer class="dialog-foot">
      <button type="button" onClick=${() => close(false)}>Leave it</button>
      <button type="button" class=${danger ? "danger" : "primary"} disabled=${isBusy} onClick=${doIt}>${isBusy ? "…" : verb}</button>
    </footer>
  <//>`;
}
