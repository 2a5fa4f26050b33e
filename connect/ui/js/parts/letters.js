// Dead letters of a queue: by cause, one at the step that failed, mended, tried, replayed or discarded.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/htm-preact.js";
import { call, curl, get, url } from "../api.js";
import { ActionBar, useCanChange } from "./actionbar.js";
import { confirm } from "./dialog.js";
import { ErrorBox, Loaded } from "./errors.js";
import { useLoaded } from "./loaded.js";
import { fromJson } from "./json.js";
import { JsonTree } from "./json-tree.js";
import { patchOf } from "./json-patch.js";
import { Pre } from "./pre.js";
import { Table } from "./table.js";
import { count, oneLine, plain, shortClass } from "./text.js";
import { TextArea } from "./textarea.js";
import { clock } from "./time.js";
import { say } from "./toast.js";

const PAGE = 100;
const MAX_REPLAYS = 3;
const FIELDS = { code: "code", exception: "class", stage: "stage", sqlstate: "sqlstate", column: "column" };

const quoted = (text) => `"${String(text).replace(/["\\]/g, "\\$&")}"`;
/** The condition that a cause's letters, and no others, hold. */
const ofCause = (cause) => Object.entries(FIELDS).map(([key, field]) => (cause[key] ? `${field} = ${quoted(cause[key])}` : `not ${field} ~ ""`)).join(" and ");
const both = (a, b) => [a, b].filter(Boolean).join(" and ") || undefined;
const placeOf = (letter) => /-(\d+)@(\d+)$/.exec(letter).slice(1).map(Number);
const ofLetter = (letter) => `letter.partition = ${placeOf(letter)[0]} and letter.offset = ${placeOf(letter)[1]}`;

/** `connector`: only its letters. */
export function Queue({ queue, connector }) {
  const [cause, setCause] = useState(null);
  const [letter, setLetter] = useState(null);
  const [operation, setOperation] = useState(null);
  const own = connector ? `connector = ${quoted(connector)}` : undefined;
  const causes = useLoaded((signal) => causesOf(queue, own, signal), [queue, own], 10000);
  const where = cause ? both(own, ofCause(cause)) : own;
  const letters = useLoaded((signal) => get(url`/v1/dlq/${queue}/letters`, { where, limit: PAGE }, { signal }), [queue, where]);
  const begin = async (what, body) => {
    const began = await call("POST", url`/v1/dlq/${queue}/` + what, { body });
    setOperation(began);
  };
  const ended = () => {
    causes.reload();
    letters.reload();
  };
  return html`
    ${operation && html`<${Progress} key=${operation.id} began=${operation} ended=${ended} close=${() => setOperation(null)} />`}
    <section class="card"><div class="card-head"><h2>By cause</h2></div>
      <${Loaded} of=${causes} what="The causes could not be loaded">${(told) => html`
        <p class="quiet">${count(told.open, "open letter")}${told.replayed ? `, ${told.replayed.toLocaleString("en")} replayed` : ""}${told.discarded ? `, ${told.discarded.toLocaleString("en")} discarded` : ""}${told.isCut ? "; the queue goes on" : ""}</p>
        ${told.causes.length > 0 && html`<${Table} label="Causes" rows=${told.causes} keyOf=${(one) => ofCause(one)} onOpen=${setCause} columns=${[
          { id: "cause", title: "Cause", wide: true, cell: (one) => html`<button type="button" class="link" aria-pressed=${cause !== null && ofCause(cause) === ofCause(one)} title=${plain(one.message, 1000)} onClick=${() => setCause(cause && ofCause(cause) === ofCause(one) ? null : one)}>${oneLine(one.message || one.code || shortClass(one.exception) || "not told", 160)}</button>` },
          { id: "code", title: "Code", cell: (one) => html`<span class="mono">${plain(one.code || shortClass(one.exception), 80)}</span>` },
          { id: "step", title: "Step", cell: (one) => plain(stageText(one), 80) },
          { id: "count", title: "Letters", num: true, cell: (one) => one.count.toLocaleString("en") },
          { id: "first", title: "First", num: true, cell: (one) => clock(one.first) },
          { id: "last", title: "Last", num: true, cell: (one) => clock(one.last) },
        ]} />`}
        ${told.others > 0 && html`<p class="quiet">and ${told.others.toLocaleString("en")} of causes that are not shown</p>`}`}<//>
      <${OnAll} queue=${queue} where=${where} cause=${cause} begin=${begin} hasAny=${Boolean(causes.data?.open)} />
    </section>
    <section class="card"><div class="card-head"><h2>${cause ? "Letters of this cause" : "Letters"}</h2>${cause && html`<button type="button" class="small" onClick=${() => setCause(null)}>All causes</button>`}</div>
      <${Loaded} of=${letters} what="The letters could not be loaded">${(told) => (told.letters.length === 0 ? html`<p class="quiet">No letter is open.</p>` : html`
        <ul class="letters">${told.letters.map((one) => html`<li key=${one.letter}>
          <button type="button" class="letter" aria-expanded=${letter === one.letter} onClick=${() => setLetter(letter === one.letter ? null : one.letter)}>
            <span class="mono">${plain(`${one.topic || queue}-${one.partition ?? "?"} @ ${one.offset ?? "?"}`, 120)}</span><span class="cause">${oneLine(one.message, 200)}</span>
            ${one.replays > 0 && html`<span class="tag">replayed ${one.replays}×</span>`}<span class="quiet">${clock(one.failed)}</span></button>
          ${letter === one.letter && html`<${Letter} queue=${queue} of=${one} own=${own} begin=${begin} />`}</li>`)}</ul>
        ${told.next && html`<p class="quiet">The first ${told.letters.length} are shown; settle some, or choose a cause.</p>`}`)}<//>
    </section>`;
}

const stageText = (one) => [one.stage.toLowerCase().replaceAll("_", " "), one.alias, shortClass(one.plugin)].filter(Boolean).join(" · ");

/** A queue's causes; one answer reads a part of it, so a few are asked for. */
async function causesOf(queue, where, signal) {
  let told = await get(url`/v1/dlq/${queue}`, { where }, { signal });
  const all = { ...told, causes: new Map(told.causes.map((one) => [ofCause(one), one])) };
  for (let more = 0; told.next && more < 4; more++) {
    told = await get(url`/v1/dlq/${queue}`, { where, from: told.next }, { signal });
    for (const key of ["open", "replayed", "discarded", "matched", "scanned", "others"]) all[key] += told[key];
    for (const one of told.causes) {
      const known = all.causes.get(ofCause(one));
      all.causes.set(ofCause(one), known ? { ...known, count: known.count + one.count, first: Math.min(known.first, one.first), last: Math.max(known.last, one.last) } : one);
    }
  }
  return { ...all, causes: [...all.causes.values()].sort((a, b) => b.count - a.count), isCut: Boolean(told.next) };
}

const replayBody = (where, more) => ({ where, max_replays: MAX_REPLAYS, ...more });

function OnAll({ queue, where, cause, begin, hasAny }) {
  if (!hasAny) return null;
  const what = cause ? "all letters of this cause" : "all letters here";
  const path = url`/v1/dlq/${queue}/`;
  const replay = () => confirm({
    title: `Replay ${what}?`, verb: "Replay them", command: curl("POST", `${path}replay`, replayBody(where)),
    text: `They go back to the connector that failed on them, in order, as they are. A letter that was replayed ${MAX_REPLAYS} times before is left, so that none goes round for ever.`,
    act: () => begin("replay", replayBody(where)),
  });
  return html`<${ActionBar} label=${`Of ${what}`} actions=${[
    { label: cause ? "Replay this cause" : "Replay all", command: curl("POST", `${path}replay`, replayBody(where)), onClick: replay },
    { label: "Try all", command: curl("POST", `${path}replay`, replayBody(where, { dry_run: true })), onClick: () => begin("replay", replayBody(where, { dry_run: true })).catch(told) },
    { label: cause ? "Discard this cause" : "Discard all", isDanger: true, command: curl("POST", `${path}discard`, { where, reason: "WHY" }), onClick: () => askDiscard(path, where, what, begin) },
  ]} />`;
}

const told = (failure) => say("bad", "It was refused", [{ name: "", text: failure.text ?? failure.message, failed: true }]);

function askDiscard(path, where, what, begin) {
  let reason = "";
  return confirm({
    title: `Discard ${what}?`, verb: "Discard", danger: true, command: curl("POST", `${path}discard`, { where, reason: "WHY" }),
    text: html`<p>They are listed no more, and never replayed. The queue itself keeps them.</p><label class="name-field">Why <input onInput=${(event) => (reason = event.target.value)} /></label>`,
    act: async () => {
      if (!reason.trim()) throw new Error("Say why, for who looks at it later.");
      await begin("discard", { where, reason: reason.trim() });
    },
  });
}

function Letter({ queue, of, own, begin }) {
  const [partition, offset] = placeOf(of.letter);
  const loaded = useLoaded((signal) => get(url`/v1/dlq/${queue}/letters/${partition}/${offset}`, {}, { signal }), [of.letter]);
  return html`<div class="letter-more"><${Loaded} of=${loaded} what="The letter could not be loaded">${(one) => html`
    <div class="fault" role="note"><p><strong>${plain(one.message, 4000)}</strong></p>
      <p class="quiet">${plain(stageText(one), 200)} · <span class="mono">${plain(one.code, 100)} ${plain(one.exception, 200)}</span></p></div>
    ${Object.keys(one.details).length > 0 && html`<dl class="details">${Object.entries(one.details).map(([key, value]) => html`<div><dt>${plain(key, 100)}</dt><dd class="mono">${plain(value, 1000)}</dd></div>`)}</dl>`}
    <p class="quiet">connector ${plain(one.connector || "not told", 100)}, task ${one.task ?? "?"}; ${one.replays ? `replayed ${count(one.replays, "time")} before` : "never replayed"}; after ${MAX_REPLAYS} it is left</p>
    ${one.decoded ? html`<h3>At the step that failed, as its converters read it</h3><${JsonTree} value=${{ key: one.decoded.key, value: one.decoded.value }} label="Record" />` : one.undecoded && html`<p class="quiet">${plain(one.undecoded, 600)}</p>`}
    ${one.stacktrace && html`<details><summary>Stack trace</summary><${Pre} text=${one.stacktrace} label="Stack trace" /></details>`}
    <${Mend} queue=${queue} letter=${one} own=${own} begin=${begin} />`}<//></div>`;
}

/** The record as a patch works on it, to be edited; the patch is what differs. `own`: only letters that hold this. */
function Mend({ queue, letter, own, begin }) {
  const before = useMemo(() => {
    try {
      return { value: fromJson(letter.record) };
    } catch {
      return null;
    }
  }, [letter.record]);
  const [text, setText] = useState(() => (before ? JSON.stringify(before.value, null, 2) : letter.record));
  const [failure, setFailure] = useState(null);
  const canChange = useCanChange();
  let patch = null;
  let wrong = null;
  if (before) {
    try {
      patch = patchOf(before.value, fromJson(text));
    } catch (error) {
      wrong = String(error.message).slice(0, 300);
    }
  }
  const where = ofLetter(letter.letter);
  const path = url`/v1/dlq/${queue}/`;
  const body = replayBody(where, patch?.length ? { patch } : {});
  const ofAll = { ...body, where: both(own, ofCause(letterCause(letter))) };
  const run = async (what, with_) => {
    setFailure(null);
    try {
      await begin(what, with_);
    } catch (error) {
      setFailure(error);
    }
  };
  return html`<h3>The record that would be sent</h3>
    ${before ? html`<${TextArea} value=${text} onInput=${setText} label="Record to send" readOnly=${!canChange} marks=${wrong ? [{ line: Number(/line (\d+)/.exec(wrong)?.[1] ?? 1), kind: "bad", text: wrong }] : []} />` : html`<p class="quiet">It is too long to be edited here, or no JSON.</p><${Pre} text=${letter.record} label="Record" max=${20000} />`}
    ${wrong && html`<p class="bad-text" role="alert">${plain(wrong)}</p>`}
    ${patch?.length > 0 && html`<details><summary>${count(patch.length, "change")}, as a JSON patch</summary><${Pre} text=${JSON.stringify(patch, null, 1)} label="Patch" /></details>`}
    ${failure && html`<${ErrorBox} failure=${failure} what="It was refused" />`}
    <${ActionBar} label="This letter" actions=${[
      { label: "Try", disabled: Boolean(wrong), command: curl("POST", `${path}replay`, { ...body, dry_run: true }), onClick: () => run("replay", { ...body, dry_run: true }) },
      { label: patch?.length ? "Replay it, mended" : "Replay it", isPrimary: true, disabled: Boolean(wrong), command: curl("POST", `${path}replay`, body), onClick: () => run("replay", body) },
      ...(patch?.length ? [{ label: "Mend all of this cause so", command: curl("POST", `${path}replay`, ofAll), onClick: () => confirm({
        title: "Send all letters of this cause, mended so?", verb: "Replay them", command: curl("POST", `${path}replay`, ofAll),
        text: "The same patch is put on each of them. One on which it cannot work is left, and told of.", act: () => begin("replay", ofAll),
      }) }] : []),
      { label: "Discard", isDanger: true, command: curl("POST", `${path}discard`, { where, reason: "WHY" }), onClick: () => askDiscard(path, where, "this letter", begin) },
    ]} />`;
}

const letterCause = (one) => ({ code: one.code, exception: one.exception, stage: one.stage, sqlstate: one.details.sqlstate, column: one.details.column });

/** A replay or discard, until it has ended, and what came of it. */
export function Progress({ began, ended, close }) {
  const [one, setOne] = useState(began);
  const [failure, setFailure] = useState(null);
  const path = url`/v1/dlq-operations/${began.id}`;
  const card = useRef(null);
  // It stands above the letters, and who pressed a button below them is to see what came of it.
  useEffect(() => card.current.scrollIntoView({ block: "nearest" }), [began.id]);
  useEffect(() => {
    const giving = new AbortController();
    const follow = async () => {
      let last = began;
      while (last.state === "running" && !giving.signal.aborted) {
        last = await get(path, { wait_ms: last === began ? 300 : 1000 }, { signal: giving.signal });
        setOne(last);
      }
      ended?.();
    };
    follow().catch((error) => error.name !== "AbortError" && setFailure(error));
    return () => giving.abort();
  }, [began.id]);
  const isRunning = one.state === "running";
  const verb = one.dry_run ? (one.kind === "discard" ? "would be discarded" : "would be sent") : one.kind === "discard" ? "discarded" : "replayed";
  const told = [["duplicates", "sent before"], ["held_back", "held back behind an earlier one"], ["refused", "left"]].filter(([key]) => one[key] > 0).map(([key, text]) => `${one[key].toLocaleString("en")} ${text}`);
  return html`<section class=${`card operation ${one.state}`} aria-label=${one.dry_run ? "Try" : one.kind} role="status" ref=${card}>
    <div class="card-head"><h2>${one.dry_run ? "Try" : one.kind === "discard" ? "Discard" : "Replay"}: ${one.state}</h2>
      ${isRunning ? html`<button type="button" class="small" onClick=${() => call("DELETE", path).then(setOne, setFailure)}>End it</button>` : html`<button type="button" class="icon" aria-label="Close" onClick=${close}>✕</button>`}</div>
    ${failure && html`<${ErrorBox} failure=${failure} what="What becomes of it is not known" />`}
    ${isRunning && html`<progress max=${Math.max(1, one.total)} value=${one.scanned} aria-label="Letters looked at"></progress>`}
    <p><strong>${count(one.done, "letter")} ${verb}</strong>${told.length ? `, ${told.join(", ")}` : ""}${one.state === "running" ? "" : one.matched === 0 ? "; no open letter is like that" : ""}.</p>
    ${one.error && html`<p class="bad-text">${plain(one.error.message, 1000)}</p>`}
    ${one.problems.length > 0 && html`<ul>${one.problems.slice(0, 50).map((left) => html`<li class="bad-text"><span class="mono">${plain(left.letter, 200)}</span> ${plain(left.reason, 600)}</li>`)}</ul>`}
    ${one.dry_run && one.previews.slice(0, 20).map((shown) => html`<details open=${one.previews.length === 1}><summary class="mono">${plain(shown.letter, 200)} → ${plain(shown.topic, 200)}</summary>
      <div class="columns"><div><h4>Before</h4><${Pre} text=${pretty(shown.before)} label="Before" /></div><div><h4>After</h4><${Pre} text=${pretty(shown.after)} label="After" /></div></div></details>`)}
  </section>`;
}

function pretty(text) {
  try {
    return JSON.stringify(fromJson(text), null, 2);
  } catch {
    return text;
  }
}
