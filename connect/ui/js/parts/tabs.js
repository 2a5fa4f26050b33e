// Tabs that are links: each has an address.
import { html, useEffect, useRef } from "../vendor/htm-preact.js";

/** `items` are `{id, title, href, note}`. */
export function Tabs({ items, current, label }) {
  const nav = useRef(null);
  // Where they do not fit side by side, as on a phone, the current one is scrolled to.
  useEffect(() => {
    const tab = nav.current?.querySelector("[aria-current]");
    if (tab) nav.current.scrollLeft = tab.offsetLeft - nav.current.offsetLeft - (nav.current.clientWidth - tab.offsetWidth) / 2;
  }, [current]);
  return html`<nav class="tabs" aria-label=${label} ref=${nav}>
    ${items.map((item) => html`<a key=${item.id} href=${item.href} aria-current=${item.id === current ? "page" : undefined}>
      ${item.title}${item.note !== undefined && html` <span class="tag">${item.note}</span>`}</a>`)}
  </nav>`;
}
