// A field whose text is its writer's until it is given: what is drawn anew meanwhile does not take it away.
import { html, useEffect, useState } from "../vendor/htm-preact.js";

/** An input; `onGiven(text)` by Enter, or as it is left, and once `value` changes its text is that. */
export function Draft({ value, onGiven, ...more }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return html`<input ...${more} value=${text} onInput=${(event) => setText(event.target.value)} onChange=${(event) => onGiven(event.target.value)} />`;
}
