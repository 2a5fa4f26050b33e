// The last hour of a connector in figures, drawn from what the worker keeps.
import { html, useState } from "../vendor/htm-preact.js";
import { BASE, get, url } from "../api.js";
import { Loaded } from "../parts/errors.js";
import { useLoaded } from "../parts/loaded.js";
import { clock, figure } from "../parts/time.js";

const RANGES = [[15, "15 minutes"], [60, "1 hour"]];
const CHARTS = [
  ["records_per_second", "Records a second", ""],
  ["batch_ms", "A batch takes", " ms"],
  ["commit_ms", "A commit takes", " ms"],
  ["lag", "Lag", ""],
  ["errors", "Errors", ""],
];
const WIDTH = 480;
const HEIGHT = 120;

export const view = Metrics;

function Metrics({ name, row }) {
  const [minutes, setMinutes] = useState(15);
  const series = useLoaded((signal) => get(url`/v1/connectors/${name}/series`, { since_ms: Date.now() - minutes * 60000 }, { signal }), [name, minutes], 5000);
  return html`
    <div class="card-head range" role="group" aria-label="Range">${RANGES.map(([n, text]) => html`<button type="button" class="small" aria-pressed=${minutes === n} onClick=${() => setMinutes(n)}>${text}</button>`)}
      <span class="quiet">Longer: Prometheus reads <a href=${`${BASE}/metrics`}>/metrics</a>, and a board for Grafana is in <code>configs/monitoring</code>.</span></div>
    <${Loaded} of=${series} what="The figures could not be loaded">${(told) => html`<div class="charts">
      ${CHARTS.filter(([key]) => told[key] && !(key === "lag" && row.type === "source")).map(([key, title, unit]) => html`<${Chart} key=${key} title=${title} unit=${unit} values=${told[key]} from=${told.from} step=${told.step_ms} minutes=${minutes} />`)}
    </div>`}<//>`;
}

function Chart({ title, unit, values, from, step, minutes }) {
  const [at, setAt] = useState(null);
  const known = values.filter((value) => value !== null);
  const top = nice(Math.max(0, ...known));
  const now = values.findLast((value) => value !== null) ?? null;
  const span = minutes * 60000;
  const begin = Date.now() - span;
  const x = (i) => ((from + i * step - begin) / span) * WIDTH;
  const y = (value) => HEIGHT - 2 - (value / top) * (HEIGHT - 8);
  const parts = [];
  values.forEach((value, i) => {
    if (value === null) return;
    const isFirst = i === 0 || values[i - 1] === null;
    if (isFirst) parts.push([]);
    parts.at(-1).push([x(i), y(value)]);
    // One that stands alone, as a commit in each minute, is a line as long as its step.
    if (isFirst && (values[i + 1] ?? null) === null) parts.at(-1).push([x(i + 1), y(value)]);
  });
  const line = parts.map((one) => `M${one.map(([px, py]) => `${px.toFixed(1)} ${py.toFixed(1)}`).join("L")}`).join("");
  const area = parts.map((one) => `M${one[0][0].toFixed(1)} ${HEIGHT}L${one.map(([px, py]) => `${px.toFixed(1)} ${py.toFixed(1)}`).join("L")}L${one.at(-1)[0].toFixed(1)} ${HEIGHT}Z`).join("");
  const look = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const when = begin + ((event.clientX - box.left) / box.width) * span;
    const i = Math.round((when - from) / step);
    setAt(i >= 0 && i < values.length ? i : null);
  };
  const picked = at !== null && at < values.length ? at : null;
  const shown = picked === null ? now : values[picked];
  return html`<figure class="card chart">
    <figcaption><span>${title}</span><strong>${figure(shown)}${shown === null ? "" : unit}</strong><span class="quiet">${picked === null ? "" : clock(from + picked * step)}</span></figcaption>
    ${known.length === 0
      ? html`<p class="quiet none">Nothing was measured yet.</p>`
      : html`<svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" onPointerMove=${look} onPointerLeave=${() => setAt(null)}
          aria-label=${`${title}: now ${figure(now)}${unit}, highest ${figure(Math.max(...known))}${unit} in ${minutes} minutes`}>
          <line x1="0" x2=${WIDTH} y1=${y(top)} y2=${y(top)} class="grid" /><line x1="0" x2=${WIDTH} y1=${y(top / 2)} y2=${y(top / 2)} class="grid" /><line x1="0" x2=${WIDTH} y1=${HEIGHT - 1} y2=${HEIGHT - 1} class="grid" />
          <path d=${area} class="area" /><path d=${line} class="line" />
          ${picked !== null && html`<line x1=${x(picked)} x2=${x(picked)} y1="0" y2=${HEIGHT} class="pick" />`}
        </svg>
        <div class="axis quiet"><span>${minutes} min ago</span><span>up to ${figure(top)}${unit}</span><span>now</span></div>`}
  </figure>`;
}

/** The next round number: the scale does not dance with each value. */
function nice(value) {
  if (value <= 0) return 1;
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((one) => one * size >= value) * size;
}
