// A connector's offsets, and the way back: how far it goes, and how many records come again, before it is done.
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { call, curl, get, url } from "../api.js";
import { ActionBar, useCanChange } from "../parts/actionbar.js";
import { ErrorBox, Loaded } from "../parts/errors.js";
import { useLoaded } from "../parts/loaded.js";
import { Table } from "../parts/table.js";
import { count, plain } from "../parts/text.js";
import { clock, figure } from "../parts/time.js";
import { say } from "../parts/toast.js";

const ASK_AFTER_MS = 400;
const TIMES_MAX = 32;

export const view = Offsets;

function Offsets({ name, row }) {
  const isSink = row.type === "sink";
  const path = isSink ? url`/v1/connectors/${name}/lag` : url`/connectors/${name}/offsets`;
  const told = useLoaded((signal) => get(path, {}, { signal }), [path], 5000);
  return html`
    <${Rewind} name=${name} isSink=${isSink} done=${told.reload} />
    <section class="card"><h2>Offsets</h2>
      <${Loaded} of=${told} what="The offsets could not be loaded">${(data) => (isSink ? html`<${Partitions} lag=${data} />` : html`<${Committed} offsets=${data.offsets} />`)}<//>
    </section>`;
}

const Committed = ({ offsets }) => offsets.length === 0
  ? html`<p class="quiet">Nothing is committed yet.</p>`
  : html`<${Table} label="Offsets" rows=${offsets.map((one, i) => ({ ...one, i }))} keyOf=${(one) => one.i} columns=${[
      { id: "partition", title: "Partition", cell: (one) => html`<span class="mono">${plain(JSON.stringify(one.partition), 500)}</span>` },
      { id: "offset", title: "Committed offset", cell: (one) => html`<span class="mono">${plain(JSON.stringify(one.offset), 500)}</span>` },
    ]} />`;

function Partitions({ lag }) {
  const rows = lag.partitions ?? [];
  const [times, setTimes] = useState({});
  const looked = rows.slice(0, TIMES_MAX).map((one) => `${one.topic}/${one.partition}/${one.committed_offset}`).join(" ");
  useEffect(() => {
    const giving = new AbortController();
    lookUp(rows.slice(0, TIMES_MAX), giving.signal, setTimes);
    return () => giving.abort();
  }, [looked]);
  if (rows.length === 0) return html`<p class="quiet">Its topics have no partitions yet.</p>`;
  return html`<${Table} label="Offsets" rows=${rows} keyOf=${(one) => `${one.topic}-${one.partition}`} columns=${[
    { id: "topic", title: "Topic", cell: (one) => plain(one.topic, 200) },
    { id: "partition", title: "Partition", num: true, cell: (one) => one.partition },
    { id: "now", title: "Now", num: true, hint: "The next record that is read", cell: (one) => one.committed_offset?.toLocaleString("en") ?? html`<span class="quiet">none</span>` },
    { id: "time", title: "Time of that record", num: true, cell: (one) => html`<${Time} of=${times[`${one.topic}/${one.partition}`]} />` },
    { id: "end", title: "End", num: true, cell: (one) => one.last_stable_offset.toLocaleString("en") },
    { id: "lag", title: "Lag", num: true, cell: (one) => figure(one.lag) },
  ]} />`;
}

const Time = ({ of }) => (of?.failure
  ? html`<span class="bad-text" title=${plain(of.failure.text)}>HTTP ${of.failure.status}</span>`
  : html`<span class=${of?.at ? "" : "quiet"}>${of?.at ? clock(of.at) : of ? "none yet" : "–"}</span>`);

/** The times of the records that are read next, one partition after the other. */
async function lookUp(rows, signal, told) {
  const found = {};
  for (const one of rows) {
    const offset = one.committed_offset ?? one.log_start_offset;
    if (offset >= one.last_stable_offset) found[`${one.topic}/${one.partition}`] = { at: null };
    else {
      try {
        const read = await get(url`/v1/topics/${one.topic}/partitions/${one.partition}/records`, { offset, max_records: 1 }, { signal });
        found[`${one.topic}/${one.partition}`] = { at: read.records[0]?.timestamp ?? null };
      } catch (failure) {
        if (failure.name === "AbortError") return;
        found[`${one.topic}/${one.partition}`] = { failure };
      }
    }
    told({ ...found });
  }
}

// -- the way back ----------------------------------------------------------------------------------------------------

const anHourAgo = () => {
  const at = new Date(Date.now() - 3600000);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
};

function Rewind({ name, isSink, done }) {
  const [kind, setKind] = useState("time");
  const [time, setTime] = useState(anHourAgo);
  const [by, setBy] = useState("-100");
  const [plan, setPlan] = useState({});
  const [isBusy, setBusy] = useState(false);
  const canChange = useCanChange();
  const to = kind === "time" ? (time ? { timestamp: new Date(time).getTime() } : null) : kind === "by" ? (Number.isInteger(Number(by)) && by !== "" ? { by: Number(by) } : null) : kind;
  const asked = JSON.stringify(to);
  const path = url`/v1/connectors/${name}/rewind`;
  useEffect(() => {
    if (to === null || !canChange) return undefined;
    const giving = new AbortController();
    const timer = setTimeout(async () => {
      try {
        setPlan({ told: await call("POST", path, { body: { to, dry_run: true }, signal: giving.signal }), asked });
      } catch (failure) {
        if (failure.name !== "AbortError") setPlan({ failure, asked });
      }
    }, ASK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      giving.abort();
    };
  }, [asked, name, canChange]);
  if (!canChange) return null;
  const isCurrent = plan.asked === asked;
  const told = isCurrent ? plan.told : null;
  const run = async () => {
    setBusy(true);
    try {
      const result = await call("POST", path, { body: { to, dry_run: false } });
      say("good", `${name} goes on from there: ${again(result.again)}`);
      done();
    } catch (failure) {
      setPlan({ failure, asked });
    }
    setBusy(false);
  };
  const field = (value, label, input) => html`<label class="choice"><input type="radio" name="to" checked=${kind === value} onChange=${() => setKind(value)} /> ${label} ${input}</label>`;
  return html`<section class="card rewind" aria-label="Set offsets"><h2>Begin again from</h2>
    <div class="choices">
      ${field("time", "a time", html`<input type="datetime-local" step="1" aria-label="Time" value=${time} onInput=${(event) => {
        setTime(event.target.value);
        setKind("time");
      }} />`)}
      ${field("by", "so many records on, or back", html`<input type="number" class="short" aria-label="Records on, or back" value=${by} onInput=${(event) => {
        setBy(event.target.value);
        setKind("by");
      }} />`)}
      ${field("earliest", "the first there is")}
      ${field("latest", "the end")}
    </div>
    <div role="status" aria-live="polite">
      ${isCurrent && plan.failure && html`<${ErrorBox} failure=${plan.failure} what="The offsets cannot be set so" />`}
      ${told && html`<p class="again">${again(told.again)}${told.state_before && told.state_before !== "STOPPED" ? html`<span class="quiet"> It is stopped for that, and goes on by itself.</span>` : ""}</p>
        ${told.partitions?.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label="Partitions"><table class="plain-table"><thead><tr><th scope="col">partition</th><th scope="col" class="num">from</th><th scope="col" class="num">to</th><th scope="col" class="num">end</th><th scope="col" class="num">again</th></tr></thead>
          <tbody>${told.partitions.slice(0, 200).map((one) => html`<tr><td class="mono">${plain(one.topic === undefined ? JSON.stringify(one.partition) : `${one.topic}-${one.partition}`, 300)}</td>
            ${["from", "to", "end", "again"].map((key) => html`<td class="num mono">${figureOf(one[key])}</td>`)}</tr>`)}</tbody></table></div>`}`}
      ${!isCurrent && to !== null && html`<p class="quiet">Looking how far that is…</p>`}
    </div>
    <${ActionBar} label="Set offsets" actions=${[{ label: isBusy ? "…" : told?.again ? `Set, and send ${count(told.again, "record")} again` : "Set the offsets", isPrimary: true, disabled: isBusy || !told, command: curl("POST", path, { to, dry_run: false }), onClick: run }]} />
  </section>`;
}

const figureOf = (value) => (value === null || value === undefined ? "–" : typeof value === "number" ? value.toLocaleString("en") : plain(typeof value === "object" ? JSON.stringify(value) : value, 200));
const again = (n) => (n === null || n === undefined ? "How many records come again cannot be said of this source." : n === 0 ? "No record is sent again." : `${count(n, "record")} will be sent again.`);
