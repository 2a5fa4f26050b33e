// A text that is edited, with the numbers of its lines, marks beside them, and what could be written at the cursor.
import { html, useLayoutEffect, useRef, useState } from "../vendor/htm-preact.js";
import { plain } from "./text.js";

const LINES_MAX = 3000;
const OFFERED_MAX = 8;

/**
 * `marks` are `{line, kind: "bad"|"warn", text}`. `offer(text, at)` returns `{from, to, items: [{text, note}]}` or null:
 * what could stand in the place of `from` to `to`. `select` is `{line}` to go to, a new object each time.
 */
export function TextArea({ value, onInput, onPaste, marks = [], offer, label, describedBy, select, readOnly = false }) {
  const area = useRef(null);
  const gutter = useRef(null);
  const [offered, setOffered] = useState(null);
  const lines = value.length > 1 << 20 ? 1 : Math.min(value.split("\n").length, LINES_MAX);
  const byLine = new Map();
  for (const mark of marks) if (mark.kind === "bad" || !byLine.has(mark.line)) byLine.set(mark.line, mark);
  useLayoutEffect(() => {
    if (!select?.line) return;
    const starts = value.split("\n").slice(0, select.line - 1).reduce((at, line) => at + line.length + 1, 0);
    const end = value.indexOf("\n", starts);
    area.current.focus();
    area.current.setSelectionRange(starts, end < 0 ? value.length : end);
    area.current.scrollTop = Math.max(0, (select.line - 5) * 20);
  }, [select]);
  const scroll = () => (gutter.current.scrollTop = area.current.scrollTop);
  const look = (isAsked) => {
    const at = area.current.selectionStart;
    const found = at === area.current.selectionEnd ? offer?.(area.current.value, at, isAsked) : null;
    if (!found?.items.length) return setOffered(null);
    const before = area.current.value.slice(0, found.from).split("\n");
    setOffered({ ...found, items: found.items.slice(0, OFFERED_MAX), chosen: 0, line: before.length, column: before.at(-1).length });
  };
  const take = (item) => {
    const field = area.current;
    field.setSelectionRange(offered.from, offered.to);
    // By the browser's own editing, so that undo takes it back.
    if (!document.execCommand("insertText", false, item.text)) field.setRangeText(item.text, offered.from, offered.to, "end");
    const at = offered.from + item.text.length - (item.back ?? 0);
    field.setSelectionRange(at, at);
    setOffered(null);
    onInput(field.value);
  };
  const onKey = (event) => {
    if (event.ctrlKey && event.key === " ") {
      event.preventDefault();
      look(true);
    } else if (offered && ["ArrowDown", "ArrowUp"].includes(event.key)) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      setOffered({ ...offered, chosen: (offered.chosen + step + offered.items.length) % offered.items.length });
    } else if (offered && ["Enter", "Tab"].includes(event.key)) {
      event.preventDefault();
      take(offered.items[offered.chosen]);
    } else if (offered && event.key === "Escape") {
      event.stopPropagation();
      event.preventDefault();
      setOffered(null);
    }
  };
  return html`<div class="code">
    <div class="gutter" ref=${gutter} aria-hidden="true">${Array.from({ length: lines }, (_, i) => {
      const mark = byLine.get(i + 1);
      return html`<div class=${mark ? `mark ${mark.kind}` : ""} title=${mark && plain(mark.text, 500)}>${mark ? (mark.kind === "bad" ? "✕" : "▲") : ""} ${i + 1}</div>`;
    })}</div>
    <textarea ref=${area} wrap="off" spellcheck=${false} autocomplete="off" autocapitalize="off" aria-label=${label} aria-describedby=${describedBy}
      aria-invalid=${marks.some((mark) => mark.kind === "bad")} readonly=${readOnly} value=${value} onScroll=${scroll} onKeyDown=${onKey} onPaste=${onPaste}
      role=${offer ? "combobox" : undefined} aria-expanded=${offer ? Boolean(offered) : undefined} aria-autocomplete=${offer ? "list" : undefined} aria-controls=${offer ? "offered" : undefined} aria-activedescendant=${offered ? `offered-${offered.chosen}` : undefined}
      onInput=${(event) => {
        onInput(event.target.value);
        look(false);
      }} onBlur=${() => setOffered(null)} onClick=${() => setOffered(null)}></textarea>
    ${offer && html`<ul id="offered" class="offered" role="listbox" aria-label="What could be written here" hidden=${!offered}
      style=${offered ? { top: `${offered.line * 20 + 8 - (area.current?.scrollTop ?? 0)}px`, left: `calc(${offered.column}ch + 60px - ${area.current?.scrollLeft ?? 0}px)` } : {}}>
      ${offered?.items.map((item, i) => html`<li id=${`offered-${i}`} role="option" aria-selected=${i === offered.chosen}
        onMouseDown=${(event) => {
          event.preventDefault();
          take(item);
        }}><span class="mono">${plain(item.shown ?? item.text, 100)}</span> <span class="quiet">${plain(item.note ?? "", 120)}</span></li>`)}
    </ul>`}
  </div>`;
}
