// A subject: its versions as text and side by side, who refers to them, its level, and what is done to it.
import { html, useState } from "../vendor/htm-preact.js";
import { call, curl, get } from "../api.js";
import { ActionBar, useCanChange } from "../parts/actionbar.js";
import { CopyButton } from "../parts/copy.js";
import { confirm } from "../parts/dialog.js";
import { Loaded } from "../parts/errors.js";
import { JsonTree } from "../parts/json-tree.js";
import { Level } from "../parts/level.js";
import { Differences, laidOut } from "../parts/lines.js";
import { useLoaded } from "../parts/loaded.js";
import { Pre } from "../parts/pre.js";
import { SchemaEditor } from "../parts/schema-editor.js";
import { count, plain } from "../parts/text.js";
import { bytes, clock } from "../parts/time.js";
import { say } from "../parts/toast.js";
import { go, href, route, setQuery } from "../router.js";
import { paths, subjectPath } from "../schemas.js";
import { useStore } from "../store.js";

export const view = Subject;

const EVERY_MS = 10000;
/** A longer text is loaded when it is asked for. */
const AT_ONCE_MAX = 2 << 20;
const SHOWN_MAX = 200000;
const VERSIONS_SHOWN = 200;

function Subject({ params: [subject] }) {
  const of = useLoaded((signal) => Promise.all([get(paths.details(subject), {}, { signal }), get(paths.info, {}, { signal })]), [subject], EVERY_MS);
  return html`<nav aria-label="Where this is" class="crumbs"><a href="#/schemas">Schemas</a> <span aria-hidden="true">/</span></nav>
    ${!of.data && html`<header class="page-head"><h1>${plain(subject, 250)}</h1></header>`}
    <${Loaded} of=${of} what="The subject could not be loaded">${([told, info]) => html`<${Told} told=${told} info=${info} reload=${of.reload} />`}<//>`;
}

/** Ask, delete, and say so. `what` names it, `path` is it. */
function remove({ what, path, isForGood, text, onDone }) {
  const verb = isForGood ? "Delete for good" : "Delete";
  const asked = isForGood ? `${path}?permanent=true` : path;
  return confirm({
    title: `${verb}: ${what}?`, danger: true, verb, command: curl("DELETE", asked), text,
    act: async () => {
      await call("DELETE", asked);
      say("good", `${what} was deleted${isForGood ? " for good" : ""}`);
      await onDone();
    },
  });
}

function Told({ told, info, reload }) {
  const { subject: row, versions } = told;
  const { query } = useStore(route);
  const name = row.subject;
  const living = versions.filter((one) => !one.deleted);
  const shown = versions.find((one) => String(one.version) === query.version) ?? living.at(-1) ?? versions.at(-1);
  const other = versions.find((one) => String(one.version) === query.with && one !== shown) ?? null;
  const isGone = row.is_deleted;
  const path = isGone ? `${paths.subject(name)}?permanent=true` : paths.subject(name);
  const removeAll = () => remove({
    what: name, path: paths.subject(name), isForGood: isGone, onDone: async () => (isGone ? go("/schemas") : reload()),
    text: isGone ? "Its versions and settings go, and what was written with them cannot be read any more by who asks for their ids. There is no way back."
      : "Who asks for a schema by its id still finds it; the subject takes no part any more in listings and comparisons. Who registers one of its schemas again brings it back.",
  });
  return html`<header class="page-head"><div><h1 title=${plain(name, 500)}>${plain(name, 250)}</h1>
      <p class="facts">${isGone && html`<span class="badge bad"><span class="sign" aria-hidden="true">✕</span>deleted</span>`}<span>${plain(row.type, 40)}</span><span>${count(row.versions, "version")}${row.deleted_versions > 0 ? ` and ${row.deleted_versions} deleted` : ""}</span><span>newest id ${row.id}</span><span>mode ${plain(row.mode, 40)}${row.mode_is_own ? " (its own)" : ""}</span>${row.context !== "." && html`<span>context ${plain(row.context, 200)}</span>`}</p></div>
      <${ActionBar} label="This subject" actions=${[{ label: isGone ? "Delete for good" : "Delete", isDanger: true, command: curl("DELETE", path), onClick: removeAll }]} /></header>
    <div class="columns spaced"><div>
      <section class="card" aria-label="Schema"><div class="card-head"><h2>Schema</h2>
        <label>version <select value=${shown.version} onChange=${(event) => setQuery({ version: event.target.value })}>${versions.map((one) => html`<option value=${one.version}>${one.version}${one.deleted ? " (deleted)" : ""}</option>`)}</select></label>
        ${versions.length > 1 && html`<label>compared with <select value=${other?.version ?? ""} onChange=${(event) => setQuery({ with: event.target.value })}><option value="">nothing</option>${versions.filter((one) => one !== shown).map((one) => html`<option value=${one.version}>${one.version}${one.deleted ? " (deleted)" : ""}</option>`)}</select></label>`}</div>
        <${Text} key=${`${name}/${shown.version}/${other?.version}`} name=${name} of=${shown} other=${other} /></section>
      ${!isGone && html`<${Next} key=${name} name=${name} row=${row} of=${living.at(-1)} types=${info.types} reload=${reload} />`}
    </div><div>
      <section class="card" aria-label="Compatibility"><h2>Compatibility</h2><${Level} subject=${name} level=${row.level} own=${row.level_is_own} config=${told.config} general=${info.level} onDone=${reload} />
        ${Object.keys(told.config).some((key) => key !== "compatibilityLevel") && html`<h3>All that is set for it</h3><${JsonTree} label="Config" value=${told.config} />`}</section>
      <${Versions} name=${name} told=${told} shown=${shown} reload=${reload} />
    </div></div>`;
}

function Text({ name, of, other }) {
  const [isWanted, want] = useState(Math.max(of.characters, other?.characters ?? 0) <= AT_ONCE_MAX);
  if (!isWanted) return html`<p><button type="button" onClick=${() => want(true)}>Show it (${bytes(of.characters)})</button></p>`;
  return html`<${TextOf} name=${name} of=${of} other=${other} />`;
}

function TextOf({ name, of, other }) {
  const loaded = useLoaded((signal) => Promise.all([of, other].filter(Boolean).map((one) => get(paths.version(name, one.version), { deleted: true }, { signal, timeoutMs: 120000 }))), [name, of.version, other?.version]);
  return html`<${Loaded} of=${loaded} what="The schema could not be loaded">${([told, second]) => {
    const text = of.type === "PROTOBUF" ? told.schema : laidOut(told.schema);
    const before = second && (other.type === "PROTOBUF" ? second.schema : laidOut(second.schema));
    const isTurned = second && other.version > of.version;
    return html`
      <p class="facts"><span>id ${of.id}</span><span>${plain(of.type, 40)}</span><span>${clock(of.at)}</span>${of.deleted && html`<span class="tag">deleted</span>`}<${CopyButton} text=${told.schema} label="Copy the schema" /></p>
      ${second ? html`<${Differences} before=${isTurned ? text : before} after=${isTurned ? before : text} label=${`From version ${isTurned ? of.version : other.version} to ${isTurned ? other.version : of.version}`} />` : html`<${Pre} text=${text} label="Schema text" max=${SHOWN_MAX} />`}
      ${of.references.length > 0 && html`<h3>References</h3><ul>${of.references.map((one) => html`<li><p><span class="mono">${plain(one.name, 200)}</span> is <a href=${href(subjectPath(within(name, one.subject)), { version: one.version > 0 ? one.version : null })}>${plain(one.subject, 200)}</a>, version ${one.version > 0 ? one.version : "the latest"}</p></li>`)}</ul>`}
      ${of.referenced_by.length > 0 && html`<h3>Referenced by</h3><ul>${of.referenced_by.map((one) => html`<li><p><a href=${href(subjectPath(one.subject), { version: one.version })}>${plain(one.subject, 200)}</a>, version ${one.version}${one.deleted ? html` <span class="tag">deleted</span>` : ""}</p></li>`)}</ul>${of.referenced_by_total > of.referenced_by.length && html`<p class="quiet">and ${of.referenced_by_total - of.referenced_by.length} more</p>`}`}
      ${told.metadata && html`<h3>Metadata</h3><${JsonTree} label="Metadata" value=${told.metadata} />`}
      ${told.ruleSet && html`<h3>Rules</h3><${JsonTree} label="Rules" value=${told.ruleSet} />`}`;
  }}<//>`;
}

/** What a subject of a context names without one is in the same. */
function within(subject, other) {
  const context = /^:\.[^:]*:/.exec(subject)?.[0];
  return context && !other.startsWith(":.") ? context + other : other;
}

function Versions({ name, told, shown, reload }) {
  const canChange = useCanChange();
  const versions = [...told.versions].reverse().slice(0, VERSIONS_SHOWN);
  const removal = (one) => remove({
    what: `${name}, version ${one.version}`, path: paths.version(name, one.version), isForGood: one.deleted, onDone: reload,
    text: one.deleted ? "It goes, and where no other version has the same id, so does its schema: records with it cannot be read any more. There is no way back." : "Who asks for it by its id still finds it; listings and comparisons leave it out.",
  });
  return html`<section class="card" aria-label="Versions"><h2>${count(told.versions_total, "version")}</h2><ol class="versions" reversed>${versions.map((one) => html`<li key=${one.version} class="task">
      <a aria-current=${one === shown ? "true" : undefined} href=${href(subjectPath(name), { version: one.version })}><strong>${one.version}</strong></a> <span class="quiet">id ${one.id}</span> <span class="quiet">${clock(one.at)}</span>${one.deleted && html`<span class="tag">deleted</span>`}
      ${one.references.length > 0 && html`<span class="quiet">${count(one.references.length, "reference")}</span>`}${one.referenced_by_total > 0 && html`<span class="quiet">referenced by ${one.referenced_by_total}</span>`}
      ${canChange && html`<button type="button" class="small danger-quiet" aria-label=${`${one.deleted ? "Delete for good" : "Delete"} version ${one.version}`} title=${plain(curl("DELETE", paths.version(name, one.version)), 2000)} onClick=${() => removal(one)}>${one.deleted ? "Delete for good" : "Delete"}</button>`}</li>`)}</ol>
    ${told.versions_total > versions.length && html`<p class="quiet">and ${told.versions_total - versions.length} older ones</p>`}</section>`;
}

/** The next version, begun with the latest. */
function Next({ name, row, of, types, reload }) {
  const [isOpen, open] = useState(false);
  const [round, next] = useState(0);
  if (!useCanChange()) return null;
  return html`<section class="card" aria-label="Next version"><div class="card-head"><h2>Next version</h2>${!isOpen && html`<button type="button" onClick=${() => open(true)}>Write it</button>`}</div>
    ${isOpen && html`<${Begun} key=${round} name=${name} row=${row} of=${of} types=${types} onDone=${(made) => {
      open(false);
      next(round + 1);
      setQuery({ version: made.version, with: null });
      reload();
    }} />`}</section>`;
}

function Begun({ name, row, of, types, onDone }) {
  const [from] = useState(of); // what others register meanwhile takes nothing away
  const loaded = useLoaded((signal) => get(paths.version(name, from.version), { deleted: true }, { signal, timeoutMs: 120000 }), [name, from.version]);
  return html`<${Loaded} of=${loaded} what="The latest version could not be loaded">${(told) => html`<${SchemaEditor} subject=${name} types=${types.includes(from.type) ? types : [...types, from.type]} level=${row.level}
    begin=${{ text: from.type === "PROTOBUF" ? told.schema : laidOut(told.schema), type: from.type, references: from.references }} onDone=${onDone} />`}<//>`;
}
