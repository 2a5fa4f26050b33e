// A table that sorts by its heads, is gone through with the arrow keys, and draws only the rows that are seen.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/htm-preact.js";
import { plain } from "./text.js";

const BESIDE = 12; // rows drawn above and below what is seen
const ALL_UP_TO = 60;

/**
 * `columns` are `{id, title, cell(row), num, sortable, hint, short}`, `rows` are sorted already. `sort` is `{by, dir}`
 * and `onSort(id)` changes it. `selected` is a Set of keys, with `onSelect(keys, isOn)`. `onOpen(row)` is Enter.
 * `kind` is a class for the style.
 */
export function Table({ label, columns, rows, keyOf, sort, onSort, selected, onSelect, onOpen, rowClass, kind = "" }) {
  const body = useRef(null);
  const [part, setPart] = useState({ from: 0, to: ALL_UP_TO });
  const [active, setActive] = useState(0);
  const wanted = useRef(false);
  const height = useRef(36);
  const isCut = rows.length > ALL_UP_TO;
  const from = isCut ? Math.min(part.from, Math.max(0, rows.length - ALL_UP_TO)) : 0;
  const to = isCut ? Math.min(rows.length, Math.max(part.to, from + 20)) : rows.length;

  useLayoutEffect(() => {
    if (!isCut) return undefined;
    const look = () => {
      const first = body.current?.querySelector("tr[data-row]");
      if (!first) return;
      height.current = first.getBoundingClientRect().height || 36;
      const above = -body.current.getBoundingClientRect().top;
      const start = Math.max(0, Math.floor(above / height.current) - BESIDE);
      const end = Math.ceil((above + innerHeight) / height.current) + BESIDE;
      // In steps, so that most movements draw nothing.
      const next = { from: start - (start % 8), to: end + (8 - (end % 8)) };
      setPart((old) => (old.from === next.from && old.to === next.to ? old : next));
    };
    look();
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    return () => {
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
    };
  }, [isCut, rows.length]);

  useEffect(() => {
    // A row far away is drawn a moment later, when the page has been scrolled to it.
    const row = wanted.current && body.current?.querySelector(`tr[data-row="${active}"]`);
    if (!row) return;
    wanted.current = false;
    row.focus({ preventScroll: true });
  });

  const move = (to) => {
    const next = Math.max(0, Math.min(rows.length - 1, to));
    wanted.current = true;
    setActive(next);
    const top = body.current.getBoundingClientRect().top + next * height.current;
    if (top < 120) scrollBy(0, top - 120);
    else if (top + height.current > innerHeight - 20) scrollBy(0, top + height.current - innerHeight + 20);
  };
  const onKey = (event) => {
    const row = event.target.closest("tr[data-row]");
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = Number(row.dataset.row);
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1, PageDown: at + 15, PageUp: at - 15 };
    if (event.key in steps) move(steps[event.key]);
    else if (event.target !== row) return;
    else if (event.key === "Enter" && onOpen) onOpen(rows[at]);
    else if (event.key === " " && onSelect) onSelect([keyOf(rows[at])], !selected.has(keyOf(rows[at])));
    else return;
    event.preventDefault();
  };

  const keys = onSelect ? rows.map(keyOf) : [];
  const chosen = onSelect ? keys.filter((key) => selected.has(key)).length : 0;
  const at = Math.min(active, rows.length - 1);
  return html`<div class="table-wrap"><table class=${`table ${kind}`} role="table" aria-label=${label} aria-rowcount=${rows.length + 1}>
    <thead role="rowgroup"><tr role="row" aria-rowindex="1">
      ${onSelect && html`<th role="columnheader" class="check"><input type="checkbox" aria-label="All that are shown"
        checked=${chosen > 0 && chosen === rows.length} ref=${(box) => box && (box.indeterminate = chosen > 0 && chosen < rows.length)}
        onChange=${(event) => onSelect(keys, event.target.checked)} /></th>`}
      ${columns.map((column) => html`<th key=${column.id} role="columnheader" scope="col" class=${`c-${column.id} ${column.num ? "num" : ""}`}
        aria-sort=${sort?.by === column.id ? (sort.dir === "desc" ? "descending" : "ascending") : undefined} title=${column.hint}>
        ${onSort && column.sortable !== false
          ? html`<button type="button" class="sorter" onClick=${() => onSort(column.id)}>${column.title}<span class="arrow" aria-hidden="true">${sort?.by === column.id ? (sort.dir === "desc" ? "↓" : "↑") : ""}</span></button>`
          : column.title}</th>`)}
    </tr></thead>
    <tbody ref=${body} role="rowgroup" onKeyDown=${onKey} onFocusIn=${(event) => {
      const row = event.target.closest("tr[data-row]");
      if (row) setActive(Number(row.dataset.row));
    }}>
      ${from > 0 && html`<${Space} rows=${from} height=${height.current} />`}
      ${rows.slice(from, to).map((row, i) => {
        const index = from + i;
        const key = keyOf(row);
        return html`<tr key=${key} role="row" data-row=${index} aria-rowindex=${index + 2} tabindex=${index === at ? 0 : -1} class=${rowClass?.(row) ?? ""}>
          ${onSelect && html`<td role="cell" class="check"><input type="checkbox" tabindex=${index === at ? 0 : -1} aria-label=${`Select ${plain(key)}`}
            checked=${selected.has(key)} onChange=${(event) => onSelect([key], event.target.checked)} /></td>`}
          ${columns.map((column) => html`<td role="cell" class=${`c-${column.id} ${column.num ? "num" : ""}`} data-title=${column.short ?? column.title}>${column.cell(row)}</td>`)}
        </tr>`;
      })}
      ${to < rows.length && html`<${Space} rows=${rows.length - to} height=${height.current} />`}
    </tbody>
  </table></div>`;
}

const Space = ({ rows, height }) => html`<tr class="space" aria-hidden="true" style=${{ height: `${rows * height}px` }}></tr>`;
