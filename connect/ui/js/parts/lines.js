// Texts of several lines: JSON laid out, and how two of them differ.
import { html } from "../vendor/htm-preact.js";
import { count, plain } from "./text.js";

/** Longer texts are neither laid out nor compared. */
export const CHARS_MAX = 1 << 20;
const DEPTH_MAX = 100;
const TOKEN = /"[^"\\]*(?:\\[^][^"\\]*)*"?|[{}[\],:]|[^\s"{}[\],:]+/g;
/** What is neither alike at the begin nor at the end: compared line by line up to so many pairs of lines. */
const PAIRS_MAX = 4e6;
const BESIDE = 3;
const SHOWN_MAX = 3000;

/**
 * JSON with a line for each member; what is too long or too deep to be laid out, as it is. Blanks alone are changed:
 * the order of members, those that are there twice and the digits of numbers are what a schema's id depends on.
 */
export function laidOut(text) {
  if (text.length > CHARS_MAX) return text;
  const made = [];
  let depth = 0;
  let last = "";
  let size = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  for (const [token] of text.matchAll(TOKEN)) {
    // Each level is two blanks more on each of its lines: a deep text would grow by its square.
    size += token.length + 2 * depth;
    if (depth > DEPTH_MAX || size > 4 * CHARS_MAX) return text;
    if (token === "{" || token === "[") {
      depth++;
      made.push(token, line());
    } else if (token === "}" || token === "]") {
      depth = Math.max(0, depth - 1);
      if (last === "{" || last === "[") made.pop();
      else made.push(line());
      made.push(token);
    } else if (token === ",") made.push(token, line());
    else made.push(token === ":" ? ": " : token);
    last = token;
  }
  return made.join("");
}

/** How the lines of two texts differ: `{kind: "same"|"before"|"after", text}` in their order. */
export function differences(before, after) {
  const a = before.split("\n");
  const b = after.split("\n");
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const same = (lines) => lines.map((text) => ({ kind: "same", text }));
  return [...same(a.slice(0, start)), ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)), ...same(a.slice(a.length - end))];
}

function middle(a, b) {
  const told = [];
  let i = 0;
  let j = 0;
  if (a.length * b.length <= PAIRS_MAX) {
    // The longest lines in common from each pair of places on.
    const wide = b.length + 1;
    const common = new Uint32Array((a.length + 1) * wide);
    for (let x = a.length - 1; x >= 0; x--) {
      for (let y = b.length - 1; y >= 0; y--) {
        common[x * wide + y] = a[x] === b[y] ? common[(x + 1) * wide + y + 1] + 1 : Math.max(common[(x + 1) * wide + y], common[x * wide + y + 1]);
      }
    }
    while (i < a.length && j < b.length) {
      if (a[i] === b[j]) {
        told.push({ kind: "same", text: a[i] });
        i++;
        j++;
      } else if (common[(i + 1) * wide + j] >= common[i * wide + j + 1]) told.push({ kind: "before", text: a[i++] });
      else told.push({ kind: "after", text: b[j++] });
    }
  }
  while (i < a.length) told.push({ kind: "before", text: a[i++] });
  while (j < b.length) told.push({ kind: "after", text: b[j++] });
  return told;
}

/** Lines that are the same and far from any other are left out, and counted: `{kind: "left", count}`. */
function folded(lines) {
  const near = new Uint8Array(lines.length);
  lines.forEach((line, at) => line.kind !== "same" && near.fill(1, Math.max(0, at - BESIDE), at + BESIDE + 1));
  const told = [];
  lines.forEach((line, at) => {
    if (near[at]) told.push(line);
    else if (told.at(-1)?.kind === "left") told.at(-1).count++;
    else told.push({ kind: "left", count: 1 });
  });
  return told;
}

const SIGNS = { before: ["−", "was: "], after: ["+", "is: "], same: [" ", ""] };

/** Two texts as one, with what is gone and what is new. */
export function Differences({ before, after, label }) {
  if (Math.max(before.length, after.length) > CHARS_MAX) return html`<p class="quiet">These are too long to be compared here.</p>`;
  const lines = folded(differences(before, after));
  if (lines.every((line) => line.kind === "left")) return html`<p class="quiet">They are the same.</p>`;
  return html`<div class="lines mono" tabindex="0" role="region" aria-label=${label}>
    ${lines.slice(0, SHOWN_MAX).map((line) => (line.kind === "left" ? html`<div class="left">… ${count(line.count, "line")} the same</div>`
      : html`<div class=${line.kind}><span class="sign" aria-hidden="true">${SIGNS[line.kind][0]}</span>${SIGNS[line.kind][1] && html`<span class="hidden">${SIGNS[line.kind][1]}</span>`}<span class="line">${plain(line.text, 2000)}</span></div>`))}
    ${lines.length > SHOWN_MAX && html`<div class="left">and ${count(lines.length - SHOWN_MAX, "line")} more</div>`}
  </div>`;
}
