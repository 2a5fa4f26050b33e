// A new connector: an empty config to write, to paste over, or a copy of another one's.
import { html } from "../vendor/htm-preact.js";
import { get, url } from "../api.js";
import { useCanChange } from "../parts/actionbar.js";
import { ConfigEditor } from "../parts/config-editor.js";
import { Loaded } from "../parts/errors.js";
import { useLoaded } from "../parts/loaded.js";
import { say } from "../parts/toast.js";
import { connectorPath, go, route } from "../router.js";
import { useStore } from "../store.js";

export const view = New;

const EMPTY = { "connector.class": "", "tasks.max": "1" };

function New() {
  const { query } = useStore(route);
  const canChange = useCanChange();
  const of = useLoaded((signal) => (query.from ? get(url`/v1/connectors/${query.from}/config`, {}, { signal }) : { ...EMPTY, ...(query.class ? { "connector.class": query.class } : {}) }), [query.from, query.class]);
  if (!canChange) return html`<p class="empty">You may look at connectors, and make none.</p>`;
  return html`<header class="page-head"><div><h1>New connector</h1><p class="quiet">Write its config, or paste one over it: JSON, .properties, Debezium Server, YAML, a command of curl.</p></div></header>
    <${Loaded} of=${of} what="The config to copy could not be loaded">${({ name: _, ...config }) => html`<${ConfigEditor} start=${{ name: "", config, etag: null }} saved=${(name) => {
      say("good", `${name} was created`);
      go(connectorPath(name));
    }} />`}<//>`;
}
