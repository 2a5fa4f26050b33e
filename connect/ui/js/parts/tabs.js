// Tabs that are links: each has an address.
import { html } from "../vendor/htm-preact.js";

/** `items` are `{id, title, href, note}`. */
export const Tabs = ({ items, current, label }) => html`<nav class="tabs" aria-label=${label}>
  ${items.map((item) => html`<a key=${item.id} href=${item.href} aria-current=${item.id === current ? "page" : undefined}>
    ${item.title}${item.note !== undefined && html` <span class="tag">${item.note}</span>`}</a>`)}
</nav>`;
