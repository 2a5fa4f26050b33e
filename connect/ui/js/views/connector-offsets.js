// A connector's offsets, and the way back: how far it goes, and how many records come again, before it is done.
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { call, curl, get, url } from "../api.js";
import { ActionBar, useCanChange } from "../parts/actionbar.js";
import { ErrorBox, Loaded } from "../parts/errors.js";
import { fromJson } from "../parts/json.js";
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
    ${isSink || told.data ? html`<${Rewind} name=${name} isSink=${isSink} committed=${isSink ? null : told.data.offsets} done=${told.reload} />` : ""}
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

/** Text of offsets as `{to}` of a rewind, or `{problem}`: what a source's offsets mean only its plugin knows. */
function ofText(text) {
  try {
    const offsets = fromJson(text);
    if (!Array.isArray(offsets) || !offsets.length) return { problem: "A list of partitions with their offsets is expected, as it was." };
    return { to: { offsets } };
  } catch (error) {
    return { problem: `It is no JSON: ${error.message}` };
  }
}

function Rewind({ name, isSink, committed, done }) {
  const [kind, setKind] = useState(isSink ? "time" : "earliest");
  const [own, setOwn] = useState(() => JSON.stringify(committed, null, 2));
  const [time, setTime] = useState(anHourAgo);
  const [by, setBy] = useState("-100");
  const [plan, setPlan] = useState({});
  const [isBusy, setBusy] = useState(false);
  const [turn, setTurn] = useState(0);
  const canChange = useCanChange();
  const written = kind === "own" ? ofText(own) : {};
  const to = kind === "own" ? written.to ?? null : kind === "time" ? (time ? { timestamp: new Date(time).getTime() } : null) : kind === "by" ? (Number.isInteger(Number(by)) && by !== "" ? { by: Number(by) } : null) : kind;
  const asked = JSON.stringify(to);
  const path = url`/v1/connectors/${name}/rewind`;
  useEffect(() => {
    if (to === null || !canChange) return undefined;
    const giving = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const told = await call("POST", path, { body: { to, dry_run: true }, signal: giving.signal });
        setPlan({ told, asked });
      } catch (failure) {
        if (failure.name !== "AbortError") setPlan({ failure, asked });
      }
    }, ASK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      giving.abort();
    };
  }, [asked, name, canChange, turn]);
  if (!canChange) return null;
  const keys = isSink ? ["from", "to", "end", "again"] : ["from", "to"];
  const isCurrent = plan.asked === asked;
  const told = isCurrent ? plan.told : null;
  const run = async () => {
    setBusy(true);
    try {
      const result = await call("POST", path, { body: { to, dry_run: false } });
      say("good", `${name} goes on from there. ${result.note ?? (isSink ? again(result.again) : "")}`);
      // What was told is done: the same once more would be another plan.
      setPlan({});
      setTurn(turn + 1);
      done();
    } catch (failure) {
      setPlan({ failure, asked });
    }
    setBusy(false);
  };
  const field = (value, label, input) => html`<label class="choice"><input type="radio" name="to" checked=${kind === value} onChange=${() => setKind(value)} /> ${label} ${input}</label>`;
  return html`<section class="card rewind" aria-label="Set offsets"><h2>Begin again from</h2>
    <div class="choices">${isSink ? html`
      ${field("time", "a time", html`<input type="datetime-local" step="1" aria-label="Time" value=${time} onInput=${(event) => {
        setTime(event.target.value);
        setKind("time");
      }} />`)}
      ${field("by", "so many records on, or back", html`<input type="number" class="short" aria-label="Records on, or back" value=${by} onInput=${(event) => {
        setBy(event.target.value);
        setKind("by");
      }} />`)}
      ${field("earliest", "the first there is")}
      ${field("latest", "the end")}` : html`
      ${field("earliest", "its beginning")}
      ${committed.length > 0 && field("own", "offsets that you write")}`}
    </div>
    ${kind === "own" && html`<textarea class="paste" rows="8" spellcheck=${false} aria-label="Offsets" value=${own} onInput=${(event) => setOwn(event.target.value)}></textarea>`}
    ${written.problem && html`<p class="bad-text" role="status">${plain(written.problem, 300)}</p>`}
    <div role="status" aria-live="polite">
      ${isCurrent && plan.failure && html`<${ErrorBox} failure=${plan.failure} what="The offsets cannot be set so" retry=${() => setTurn(turn + 1)} />`}
      ${told && html`<p class="again">${isSink ? again(told.again) : ofSource(told)}${told.state_before && told.state_before !== "STOPPED" ? html`<span class="quiet"> It is stopped for that, and goes on by itself.</span>` : ""}</p>
        ${told.partitions?.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label="Partitions"><table class="plain-table"><thead><tr><th scope="col">partition</th>${keys.map((key) => html`<th scope="col" class=${isSink ? "num" : ""}>${key}</th>`)}</tr></thead>
          <tbody>${told.partitions.slice(0, 200).map((one) => html`<tr><td class="mono">${plain(one.topic === null || one.topic === undefined ? JSON.stringify(one.partition) : `${one.topic}-${one.partition}`, 300)}</td>
            ${keys.map((key) => html`<td class=${isSink ? "num mono" : "mono"}>${figureOf(one[key])}</td>`)}</tr>`)}</tbody></table></div>`}`}
      ${!isCurrent && to !== null && html`<p class="quiet">Looking how far that is…</p>`}
    </div>
    <${ActionBar} label="Set offsets" actions=${[{ label: isBusy ? "…" : !isSink ? (kind === "own" ? "Set the offsets" : "Forget the offsets") : told?.again ? `Set, and send ${count(told.again, "record")} again` : "Set the offsets", isPrimary: true, disabled: isBusy || !told, command: curl("POST", path, { to, dry_run: false }), onClick: run }]} />
  </section>`;
}

const ofSource = ({ partitions }) => (partitions.length === 0 ? "It has committed nothing, and begins anew anyway." : partitions.every((one) => one.to === null) ? `Its offsets are forgotten, in ${count(partitions.length, "partition")}: it begins anew, and what it reads comes again.` : "Its offsets are set; how many records come again only its plugin knows.");
const figureOf = (value) => (value === null || value === undefined ? "–" : typeof value === "number" ? value.toLocaleString("en") : plain(typeof value === "object" ? JSON.stringify(value) : value, 200));
const again = (n) => (n === null || n === undefined ? "How many records come again cannot be said of this source." : n === 0 ? "No record is sent again." : `${count(n, "record")} will be sent again.`);
