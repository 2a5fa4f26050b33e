// Dead letter queues, and what operations have worked on them.
import { html } from "../vendor/htm-preact.js";
import { get } from "../api.js";
import { Loaded } from "../parts/errors.js";
import { Queue } from "../parts/letters.js";
import { useLoaded } from "../parts/loaded.js";
import { Table } from "../parts/table.js";
import { oneLine, plain } from "../parts/text.js";
import { clock } from "../parts/time.js";
import { connectorPath, go, href } from "../router.js";

export const view = Letters;

const path = (queue) => `/letters/${encodeURIComponent(queue)}`;

function Letters({ params: [queue] }) {
  if (queue) return html`<nav aria-label="Where this is" class="crumbs"><a href="#/letters">Dead letters</a> <span aria-hidden="true">/</span></nav><header class="page-head"><h1>${plain(queue, 250)}</h1></header><${Queue} key=${queue} queue=${queue} />`;
  return html`<header class="page-head"><h1>Dead letters</h1></header><${Queues} /><${Operations} />`;
}

function Queues() {
  const of = useLoaded((signal) => get("/v1/dlq", {}, { signal }), [], 10000);
  return html`<${Loaded} of=${of} what="The queues could not be loaded">${({ queues }) => (queues.length === 0 ? html`<p class="empty">No connector names a dead letter queue.</p>`
    : html`<${Table} label="Queues" rows=${queues} keyOf=${(one) => one.topic} onOpen=${(one) => go(path(one.topic))} columns=${[
        { id: "name", title: "Queue", cell: (one) => html`<a href=${href(path(one.topic))}>${plain(one.topic, 200)}</a>` },
        { id: "size", title: "Records", num: true, cell: (one) => (one.size === null ? html`<span class="quiet">not there yet</span>` : one.size.toLocaleString("en")) },
        { id: "of", title: "Of", cell: (one) => one.connectors.slice(0, 5).map((name) => html`<a href=${href(connectorPath(name, "letters"))}>${plain(name, 80)}</a> `) },
      ]} />`)}<//>`;
}

function Operations() {
  const of = useLoaded((signal) => get("/v1/dlq-operations", {}, { signal }), [], 5000);
  return html`<section class="card spaced"><h2>Replays and discards since the worker started</h2><${Loaded} of=${of} what="The operations could not be loaded">${({ operations }) => (operations.length === 0 ? html`<p class="quiet">None.</p>`
    : html`<ul>${operations.slice(0, 50).map((one) => html`<li class="task"><strong>${plain(one.kind, 20)}${one.dry_run ? " (try)" : ""}</strong> <a href=${href(path(one.topic))}>${plain(one.topic, 120)}</a> <span class="tag">${plain(one.state, 20)}</span>
      <span>${one.done.toLocaleString("en")} of ${one.matched.toLocaleString("en")}</span> <span class="quiet">${clock(one.started)}</span> <span class="quiet">${oneLine(one.error?.message ?? one.reason ?? one.where, 120)}</span></li>`)}</ul>`)}<//></section>`;
}
