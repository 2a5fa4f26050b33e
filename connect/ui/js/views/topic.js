// A topic's records: the last ones, or from an offset or a time on; looked for by key and text, decoded as chosen.
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { get, url } from "../api.js";
import { Draft } from "../parts/draft.js";
import { ErrorBox, Loaded } from "../parts/errors.js";
import { hasMembers } from "../parts/json.js";
import { JsonTree } from "../parts/json-tree.js";
import { useLoaded } from "../parts/loaded.js";
import { oneLine, plain, shortClass } from "../parts/text.js";
import { bytes, clock } from "../parts/time.js";
import { route, setQuery } from "../router.js";
import { useStore } from "../store.js";

export const view = Topic;

const LAST = 50;
const PAGE = 50;
const SHOWN_MAX = 1000;
/** What one search returns at most, and how many are made for the last records. */
const LIMIT_MAX = 500;
const SEARCHES_MAX = 20;
const EVERY_MS = 2000;
const REGISTRIES_MAX = 20;
/** Where converters of these packages are told their schema registry, with a dot in front. */
const REGISTRY_KEYS = [["io.confluent.connect.", ".schema.registry.url"], ["io.apicurio.registry.", ".apicurio.registry.url"]];

function Topic({ params: [topic] }) {
  const { query } = useStore(route);
  const info = useLoaded((signal) => get(url`/v1/topics/${topic}`, {}, { signal }), [topic], 5000);
  const plugins = useLoaded((signal) => get("/connector-plugins", { connectorsOnly: "false" }, { signal }), []);
  const names = useLoaded((signal) => get("/connectors", {}, { signal }), []);
  const registries = useLoaded((signal) => get("/v1/registries", {}, { signal }), []);
  const isTail = !query.from || query.from === "latest";
  // The last ones may all lie in one partition: of each as many are looked at, where it has not very many.
  const partitions = query.partition ? 1 : info.data?.partitions.length ?? (info.failure ? 1 : 0);
  const asked = (partitions > 0 || !isTail) && {
    key: query.key, contains: query.text, partition: query.partition, limit: isTail ? LIMIT_MAX : PAGE,
    ...(isTail ? { from_offset: -Math.max(1, Math.min(LAST, Math.floor(SHOWN_MAX / partitions))) } : query.from === "offset" ? { from_offset: query.offset || 0 } : query.from === "time" && query.time ? { from_timestamp: new Date(query.time).getTime() } : {}),
    ...decoding(query.as),
    ...(query.committed === "1" ? { isolation: "read_committed" } : {}),
  };
  const of = useRecords(topic, asked, isTail, isTail && query.follow === "1");
  const give = (key) => (text) => setQuery({ [key]: text });
  const set = (key) => (event) => give(key)(event.target.value);
  const converters = (plugins.data ?? []).filter((one) => one.type === "converter").flatMap((one) => choices(one.class, registries.data?.registries ?? []));
  return html`<nav aria-label="Where this is" class="crumbs"><a href="#/topics">Topics</a> <span aria-hidden="true">/</span></nav>
    <header class="page-head"><div><h1>${plain(topic, 250)}</h1><${Loaded} of=${info} what="The topic could not be loaded">${(told) => html`<p class="facts">${told.partitions.length === 1 ? "1 partition" : `${told.partitions.length} partitions`}
      <span>offsets ${told.partitions.slice(0, 8).map((one) => `${one.log_start_offset}–${one.log_end_offset}`).join(", ")}${told.partitions.length > 8 ? " …" : ""}</span></p>`}<//></div></header>
    <div class="toolbar search-bar" role="search">
      <label>from <select value=${query.from ?? "latest"} onChange=${set("from")}><option value="latest">the last ${LAST}</option><option value="start">the start</option><option value="offset">an offset</option><option value="time">a time</option></select></label>
      ${query.from === "offset" && html`<${Draft} type="number" class="short" aria-label="Offset" value=${query.offset ?? "0"} onGiven=${give("offset")} />`}
      ${query.from === "time" && html`<${Draft} type="datetime-local" step="1" aria-label="Time" value=${query.time ?? ""} onGiven=${give("time")} />`}
      ${info.data?.partitions.length > 1 && html`<label>in <select value=${query.partition ?? ""} onChange=${set("partition")}><option value="">all partitions</option>${info.data.partitions.slice(0, 500).map((one) => html`<option value=${one.partition}>partition ${one.partition}</option>`)}</select></label>`}
      <${Draft} type="search" placeholder="Key" aria-label="Key" value=${query.key ?? ""} onGiven=${give("key")} />
      <${Draft} type="search" placeholder="Text within" aria-label="Text within" value=${query.text ?? ""} onGiven=${give("text")} />
      <label>shown as <select value=${query.as ?? ""} onChange=${set("as")}><option value="">it looks</option>
        <optgroup label="the converters of">${(names.data ?? []).slice(0, 1000).map((name) => html`<option value=${`connector:${name}`}>${plain(name, 80)}</option>`)}</optgroup>
        <optgroup label="a converter">${converters.map((one) => html`<option value=${one.value}>${one.label}</option>`)}</optgroup></select></label>
      <label title="Without what transactions have aborted, or not committed yet"><input type="checkbox" checked=${query.committed === "1"} onChange=${(event) => setQuery({ committed: event.target.checked ? "1" : null })} /> committed only</label>
      ${isTail && html`<label><input type="checkbox" checked=${query.follow === "1"} onChange=${(event) => setQuery({ follow: event.target.checked ? "1" : null })} /> follow</label>`}
    </div>
    ${plugins.failure && html`<${ErrorBox} failure=${plugins.failure} what="The converters could not be loaded" retry=${plugins.reload} />`}
    ${names.failure && html`<${ErrorBox} failure=${names.failure} what="The connectors could not be loaded" retry=${names.reload} />`}
    <${Records} of=${of} isTail=${isTail} />`;
}

/** The ways to read records by a converter: with a schema registry, each one that a connector names for such a converter. */
function choices(cls, registries) {
  const key = registryKey(cls);
  if (!key) return [{ value: `class:${cls}`, label: shortClass(cls) }];
  return registries.filter((one) => one.used_by.some((use) => use.key.endsWith(key))).slice(0, REGISTRIES_MAX)
    .map((one) => ({ value: `class:${cls} ${one.url}`, label: `${shortClass(cls)}, ${plain(one.url, 80)}` }));
}

const registryKey = (cls) => REGISTRY_KEYS.find(([name]) => cls.startsWith(name))?.[1];

function decoding(as) {
  if (as?.startsWith("connector:")) return { connector: as.slice(10) };
  if (!as?.startsWith("class:")) return {};
  // Without schemas is what most topics of JSON have; the converter's own default would refuse those.
  const [, cls, registry] = /^class:(\S*) ?(.*)$/s.exec(as);
  return { "value.converter": cls, "key.converter": "org.apache.kafka.connect.storage.StringConverter", ...(/JsonConverter$/.test(cls) ? { "value.converter.schemas.enable": "false" } : {}), ...(registry ? { [`value.converter${registryKey(cls)}`]: registry } : {}) };
}

/** As a number also where it is longer than one; see clock. */
const timeOf = (one) => Number(JSON.stringify(one.timestamp));

/** The newest of the last records of all partitions, as one search has them. */
async function lastOf(path, asked, signal) {
  let told = await get(path, asked, { signal });
  const all = { ...told };
  for (let more = 1; told.next && more < SEARCHES_MAX; more++) {
    told = await get(path, { ...asked, next: told.next }, { signal });
    Object.assign(all, { records: [...all.records, ...told.records], scanned: all.scanned + told.scanned, next: told.next, end: told.end });
  }
  return { ...all, records: all.records.sort((a, b) => timeOf(b) - timeOf(a) || b.offset - a.offset).slice(0, LAST) };
}

/** The records that a search finds: `{records, scanned, next, end, failure, isBusy, more, again}`; none without `asked`. */
function useRecords(topic, asked, isTail, isFollowing) {
  const [state, setState] = useState({ records: null, scanned: 0 });
  const [run, setRun] = useState(0);
  const keys = JSON.stringify([topic, asked]);
  const path = url`/v1/topics/${topic}/search`;
  useEffect(() => {
    if (!asked) return undefined;
    const giving = new AbortController();
    let timer = null;
    setState((old) => ({ ...(old.keys === keys ? old : { records: null, scanned: 0 }), keys, isBusy: true, failure: null }));
    const look = async () => {
      try {
        const told = await (isTail ? lastOf(path, given(asked), giving.signal) : get(path, given(asked), { signal: giving.signal }));
        setState({ ...told, keys });
        if (isFollowing) timer = setTimeout(look, EVERY_MS);
      } catch (failure) {
        if (failure.name !== "AbortError") setState((old) => ({ ...old, failure, isBusy: false }));
      }
    };
    look();
    return () => {
      clearTimeout(timer);
      giving.abort();
    };
  }, [keys, run, isFollowing]);
  const more = async () => {
    setState((old) => ({ ...old, isBusy: true }));
    try {
      const told = await get(path, given({ ...asked, next: state.next }));
      setState((old) => (old.keys === keys ? { ...told, keys, records: [...old.records, ...told.records], scanned: old.scanned + told.scanned } : old));
    } catch (failure) {
      setState((old) => (old.keys === keys ? { ...old, failure, isBusy: false } : old));
    }
  };
  return { ...state, more, again: () => setRun(run + 1) };
}

const given = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== ""));

function Records({ of, isTail }) {
  const [open, setOpen] = useState(null);
  if (of.failure && !of.records) return html`<${ErrorBox} failure=${of.failure} what="The records could not be read" retry=${of.again} />`;
  if (!of.records) return html`<p class="quiet loading" aria-busy="true">Loading…</p>`;
  const { records } = of;
  return html`
    ${of.failure && html`<${ErrorBox} failure=${of.failure} what="No more could be read" retry=${of.again} />`}
    <p class="quiet" role="status">${records.length.toLocaleString("en")} found among ${of.scanned.toLocaleString("en")} looked at${of.end ? "; that is the end" : ""}</p>
    ${records.length === 0 ? html`<p class="empty">${of.end ? "No record is like that." : "None yet; the search goes on."}</p>` : html`<ul class="records" aria-label="Records">${records.map((one) => {
      const id = `${one.partition}:${one.offset}`;
      return html`<li key=${id}><button type="button" class="letter" aria-expanded=${open === id} onClick=${() => setOpen(open === id ? null : id)}>
          <span class="mono">${one.partition} @ ${one.offset}</span><span class="quiet">${clock(one.timestamp)}</span><span class="mono rec-key">${oneLine(shown(one.key), 60)}</span><span class="mono cause">${one.value === null ? html`<span class="quiet">tombstone</span>` : oneLine(shown(one.value), 240)}</span>
          ${one.error && html`<span class="tag bad-text">not decoded</span>`}<span class="quiet">${bytes(one.size_bytes)}</span></button>
        ${open === id && html`<div class="letter-more">${one.error && html`<p class="bad-text">${plain(one.error, 1000)}</p>`}
          <${JsonTree} label="Record" value=${{ key: one.key, value: one.value, ...(one.headers.length ? { headers: Object.fromEntries(one.headers.map((header, i) => [`${header.name}${one.headers.findIndex((other) => other.name === header.name) === i ? "" : ` (${i})`}`, header.value])) } : {}) }} />
          <p class="quiet">${clock(one.timestamp)}, ${one.size_bytes.toLocaleString("en")} bytes</p></div>`}</li>`;
    })}</ul>`}
    ${of.next && !isTail && records.length < SHOWN_MAX && html`<button type="button" disabled=${of.isBusy} onClick=${of.more}>${of.isBusy ? "…" : "Look further"}</button>`}`;
}

const shown = (value) => (value === null ? "" : typeof value === "string" ? value : hasMembers(value) && "base64" in value && Object.keys(value).length === 1 ? `base64 ${value.base64}` : JSON.stringify(value));
