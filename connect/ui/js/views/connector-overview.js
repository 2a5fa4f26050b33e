// The first tab of a connector: its failure, its tasks.
import { html } from "../vendor/htm-preact.js";
import { get, url } from "../api.js";
import { Badge } from "../parts/badge.js";
import { Loaded } from "../parts/errors.js";
import { useLoaded } from "../parts/loaded.js";
import { Pre } from "../parts/pre.js";
import { plain } from "../parts/text.js";

export const view = Overview;

function Overview({ name }) {
  const status = useLoaded((signal) => get(url`/connectors/${name}/status`, {}, { signal }), [name], 5000);
  return html`<${Loaded} of=${status} what="The tasks could not be loaded">${(told) => html`<section class="card"><h2>Tasks</h2>
    <ul>${told.tasks.map((task) => html`<li key=${task.id}>${task.id} <${Badge} state=${task.state} /> ${plain(task.worker_id)}
      ${task.trace && html`<${Pre} text=${task.trace} label=${`Trace of task ${task.id}`} />`}</li>`)}</ul></section>`}<//>`;
}
