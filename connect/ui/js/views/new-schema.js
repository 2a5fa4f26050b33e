// A schema for a subject that is new, or for one that is named.
import { html } from "../vendor/htm-preact.js";
import { get } from "../api.js";
import { Loaded } from "../parts/errors.js";
import { useLoaded } from "../parts/loaded.js";
import { SchemaEditor } from "../parts/schema-editor.js";
import { go, route, setQuery } from "../router.js";
import { paths, subjectPath } from "../schemas.js";
import { useStore } from "../store.js";

export const view = NewSchema;

const BEGIN = { AVRO: '{\n  "type": "record",\n  "name": "Order",\n  "fields": [\n    { "name": "id", "type": "long" }\n  ]\n}' };

function NewSchema() {
  const { query } = useStore(route);
  const subject = query.subject ?? "";
  const of = useLoaded((signal) => get(paths.info, {}, { signal }), []);
  return html`<nav aria-label="Where this is" class="crumbs"><a href="#/schemas">Schemas</a> <span aria-hidden="true">/</span></nav><header class="page-head"><h1>New schema</h1></header>
    <${Loaded} of=${of} what="The schema registry could not be asked">${(info) => (!info.running ? html`<p class="empty">No schema registry runs in this worker. <a href="#/schemas">How to get one</a></p>`
      : html`<section class="card"><label class="name-field">Subject <input value=${subject} required placeholder="orders-value" spellcheck=${false} autocomplete="off" onInput=${(event) => setQuery({ subject: event.target.value })} /></label>
        <p class="quiet">By default a converter looks under the topic's name with <code>-key</code> or <code>-value</code> behind it.</p>
        <${SchemaEditor} subject=${subject} types=${info.types} level=${null} begin=${{ text: BEGIN.AVRO, type: "AVRO", references: [] }} onDone=${() => go(subjectPath(subject))} /></section>`)}<//>`;
}
