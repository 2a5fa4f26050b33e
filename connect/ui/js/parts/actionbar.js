// Buttons that change something, each with the command that does the same. Who may only read sees none.
import { html, useRef, useState } from "../vendor/htm-preact.js";
import { session } from "../api.js";
import { useStore } from "../store.js";
import { Command } from "./copy.js";
import { plain } from "./text.js";

/** Whether this user may change something. */
export const useCanChange = () => useStore(session, (value) => value.me === null || value.me.can_change !== false);

/** `actions` are `{label, command, onClick, isDanger, isPrimary, disabled, busy}`. */
export function ActionBar({ actions, label }) {
  const [isOpen, setOpen] = useState(false);
  const group = useRef(null);
  // A button that is gone once it has done its work leaves the keyboard among the others, not at the top of the page.
  const press = (one) => async () => {
    await one.onClick();
    setTimeout(() => document.activeElement === document.body && group.current?.focus());
  };
  if (!useCanChange() || actions.length === 0) return null;
  return html`<div class="action-bar">
    <div class="actions" role="group" aria-label=${label} tabindex="-1" ref=${group}>
      ${actions.map((one) => html`<button key=${one.label} type="button" title=${plain(one.command, 2000)} disabled=${one.disabled}
        class=${one.isDanger ? "danger-quiet" : one.isPrimary ? "primary" : ""} onClick=${press(one)}>${one.label}</button>`)}
      <button type="button" class="quiet-button" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>curl</button>
    </div>
    ${isOpen && html`<dl class="commands">${actions.map((one) => html`<div key=${one.label}><dt>${one.label}</dt><dd><${Command} text=${one.command} /></dd></div>`)}</dl>`}
  </div>`;
}
