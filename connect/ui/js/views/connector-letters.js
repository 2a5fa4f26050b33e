// A connector's dead letters, of each queue that its config names.
import { html } from "../vendor/htm-preact.js";
import { get } from "../api.js";
import { Loaded } from "../parts/errors.js";
import { Queue } from "../parts/letters.js";
import { useLoaded } from "../parts/loaded.js";
import { plain } from "../parts/text.js";
import { connectorPath, href } from "../router.js";

export const view = Letters;

function Letters({ name }) {
  const of = useLoaded((signal) => get("/v1/dlq", {}, { signal }), [name]);
  return html`<${Loaded} of=${of} what="The queues could not be loaded">${({ queues }) => {
    const own = queues.filter((one) => one.connectors.includes(name));
    if (own.length === 0) return html`<div class="empty"><p>This connector keeps no dead letters.</p><p class="quiet">With <code>errors.tolerance=all</code> and <code>errors.deadletterqueue.topic.name</code> in its <a href=${href(connectorPath(name, "config"))}>config</a>, records that it cannot handle are put aside.</p></div>`;
    return own.map((one) => html`<p class="quiet">Queue <a class="mono" href=${href(`/letters/${encodeURIComponent(one.topic)}`)}>${plain(one.topic, 250)}</a></p>
      ${one.size === null ? html`<p class="quiet">It is not there yet: no record has failed.</p>` : html`<${Queue} queue=${one.topic} connector=${name} />`}`);
  }}<//>`;
}
