// Commands and texts that are taken along.
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { plain } from "./text.js";

/** A button that puts a text on the clipboard, and says so. `text` may be a function. */
export function CopyButton({ text, children = "Copy", label }) {
  const [said, say] = useState(null);
  useEffect(() => {
    const timer = said && setTimeout(() => say(null), 2000);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
      say("Copied");
    } catch {
      // A page that did not come by https from another machine has no clipboard.
      say("Select and copy by hand");
    }
  };
  return html`<button type="button" class="small" onClick=${copy} aria-label=${said ? undefined : label}>
    <span aria-live="polite">${said ?? children}</span>
  </button>`;
}

/** A command that does the same. */
export const Command = ({ text }) => html`<div class="command">
  <code>${plain(text)}</code><${CopyButton} text=${text} label="Copy the command" />
</div>`;
