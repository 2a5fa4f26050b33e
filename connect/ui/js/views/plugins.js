// What is installed: each kind, what it is for, its keys; and what could not be loaded, with its cause.
import { html, useState } from "../vendor/htm-preact.js";
import { call, curl, get, url } from "../api.js";
import { ActionBar, useCanChange } from "../parts/actionbar.js";
import { Loaded } from "../parts/errors.js";
import { useLoaded } from "../parts/loaded.js";
import { Pre } from "../parts/pre.js";
import { count, oneLine, plain, shortClass } from "../parts/text.js";
import { say } from "../parts/toast.js";
import { href, route, setQuery } from "../router.js";
import { useStore } from "../store.js";

export const view = Plugins;

const KINDS = { source: "Sources", sink: "Sinks", transformation: "Transforms", predicate: "Predicates", converter: "Converters", header_converter: "Header converters", configprovider: "Config providers" };

function Plugins() {
  const { query } = useStore(route);
  const of = useLoaded((signal) => get("/v1/plugins", {}, { signal }), []);
  const refresh = async () => {
    try {
      const found = await call("POST", "/v1/plugins/refresh", { timeoutMs: 70000 });
      say(found.broken.length ? "bad" : "good", `${count(found.added.length, "plugin")} added, ${found.changed.length} changed, ${found.removed.length} removed`, found.broken.map((one) => ({ name: one.name, text: one.cause, failed: true })));
      of.reload();
    } catch (failure) {
      say("bad", "The plugins could not be looked at anew", [{ name: "", text: failure.text ?? failure.message, failed: true }]);
    }
  };
  return html`<header class="page-head"><h1>Plugins</h1><${ActionBar} label="Plugins" actions=${[{ label: "Look for new ones", command: curl("POST", "/v1/plugins/refresh"), onClick: refresh }]} /></header>
    <${Loaded} of=${of} what="The plugins could not be loaded">${({ plugins, broken }) => {
      const text = (query.q ?? "").toLowerCase();
      const shown = plugins.filter((one) => `${one.class} ${one.aliases.join(" ")} ${one.doc}`.toLowerCase().includes(text) && (!query.kind || one.type === query.kind));
      const kinds = Object.keys(KINDS).filter((kind) => plugins.some((one) => one.type === kind));
      return html`
        ${broken.length > 0 && html`<section class="card broken" aria-label="Broken"><h2 class="bad-text">${count(broken.length, "plugin")} could not be loaded</h2><ul>${broken.map((one) => html`<li><p><strong>${plain(one.name, 200)}</strong> <span class="quiet mono">${plain(one.origin, 300)}</span></p><${Pre} text=${one.cause} label=${`Why ${plain(one.name, 80)} is broken`} max=${8000} /></li>`)}</ul></section>`}
        <div class="toolbar"><input type="search" placeholder="Find a plugin" aria-label="Find a plugin" value=${query.q ?? ""} onInput=${(event) => setQuery({ q: event.target.value })} />
          <div class="chips"><a class="chip" aria-current=${query.kind ? undefined : "true"} href=${href("/plugins", { q: query.q })}>all <b>${plugins.length}</b></a>${kinds.map((kind) => html`<a class="chip" key=${kind} aria-current=${query.kind === kind ? "true" : undefined} href=${href("/plugins", { q: query.q, kind })}>${KINDS[kind]} <b>${plugins.filter((one) => one.type === kind).length}</b></a>`)}</div></div>
        ${shown.length === 0 && html`<p class="empty">No plugin is like that.</p>`}
        ${kinds.filter((kind) => shown.some((one) => one.type === kind)).map((kind) => html`<section class="card" key=${kind}><h2>${KINDS[kind]}</h2><ul class="plugins">${shown.filter((one) => one.type === kind).map((one) => html`<${Plugin} key=${one.class} of=${one} isTwice=${shown.some((other) => other !== one && other.type === kind && shortClass(other.class) === shortClass(one.class))} />`)}</ul></section>`)}`;
    }}<//>`;
}

function Plugin({ of, isTwice }) {
  const [isOpen, setOpen] = useState(false);
  const canChange = useCanChange();
  const isConnector = of.type === "source" || of.type === "sink";
  return html`<li><details onToggle=${(event) => setOpen(event.target.open)}><summary><strong>${isTwice ? plain(of.class, 200) : shortClass(of.class)}</strong> ${of.version && html`<span class="tag">${plain(of.version, 60)}</span>`}
      ${of.exactly_once !== null && html`<span class="tag">${of.exactly_once ? "up to exactly-once" : "at-least-once"}</span>`} <span class="quiet">${oneLine(of.doc, 160)}</span></summary>
    ${isOpen && html`<div class="plugin-more"><p class="mono quiet">${plain(of.class, 400)}</p>
      ${of.aliases.length > 0 && html`<p class="quiet">also ${of.aliases.map((one) => plain(one, 200)).join(", ")}</p>`}
      <p class="quiet">plugin ${plain(of.plugin, 100)}, from ${plain(of.origin, 300)}</p>
      ${of.doc && html`<p class="doc-text">${plain(of.doc, 4000)}</p>`}
      ${isConnector && canChange && html`<p><a href=${href("/new", { class: of.class })}>New connector of it</a></p>`}
      ${of.type !== "configprovider" && html`<${Keys} of=${of.class} />`}</div>`}</details></li>`;
}

function Keys({ of }) {
  const keys = useLoaded((signal) => get(url`/connector-plugins/${of}/config`, {}, { signal }), [of]);
  return html`<${Loaded} of=${keys} what="Its keys could not be loaded">${(told) => (told.length === 0 ? html`<p class="quiet">It has no keys.</p>` : html`<div class="scroll tall" tabindex="0" role="region" aria-label="Keys"><table class="diff"><thead><tr><th scope="col">Key</th><th scope="col">Default</th><th scope="col">What it is for</th></tr></thead>
    <tbody>${told.map((key) => html`<tr key=${key.name}><th scope="row" class="mono">${plain(key.name, 200)}${key.required ? html` <span class="tag">required</span>` : ""}</th><td class="mono" data-title="Default">${key.default_value === null ? html`<span class="quiet">none</span>` : plain(key.default_value, 300)}</td><td data-title="For">${plain(key.documentation, 1000)}</td></tr>`)}</tbody></table></div>`)}<//>`;
}
