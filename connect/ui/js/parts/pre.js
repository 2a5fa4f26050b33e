// A text with its line breaks, that scrolls where it is long, also by the keyboard.
import { html } from "../vendor/htm-preact.js";
import { plain } from "./text.js";

export const Pre = ({ text, label, max }) => html`<pre tabindex="0" role="region" aria-label=${label}>${plain(text, max)}</pre>`;
