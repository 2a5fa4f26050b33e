// Topics: the list.
import { html } from "../vendor/htm-preact.js";
import { get } from "../api.js";
import { Loaded } from "../parts/errors.js";
import { useLoaded } from "../parts/loaded.js";
import { Table } from "../parts/table.js";
import { plain } from "../parts/text.js";
import { bytes } from "../parts/time.js";
import { go, href, route, setQuery } from "../router.js";
import { useStore } from "../store.js";

export const view = Topics;

const path = (topic) => `/topics/${encodeURIComponent(topic)}`;
const sum = (topic, of) => topic.partitions.reduce((total, one) => total + of(one), 0);

function Topics() {
  const { query } = useStore(route);
  const of = useLoaded((signal) => get("/v1/topics", {}, { signal }), [], 10000);
  return html`<header class="page-head"><h1>Topics</h1></header>
    <div class="toolbar"><input type="search" placeholder="Filter" aria-label="Filter the topics" value=${query.q ?? ""} onInput=${(event) => setQuery({ q: event.target.value })} />
      <label><input type="checkbox" checked=${query.internal === "1"} onChange=${(event) => setQuery({ internal: event.target.checked ? "1" : null })} /> internal topics (__…) too</label></div>
    <${Loaded} of=${of} what="The topics could not be loaded">${({ topics }) => {
      const text = (query.q ?? "").toLowerCase();
      const shown = topics.filter((one) => (query.internal === "1" || !one.internal) && one.name.toLowerCase().includes(text));
      return shown.length === 0 ? html`<p class="empty">${topics.length ? "No topic is like that." : "There is no topic yet."}</p>` : html`<${Table} label="Topics" rows=${shown} keyOf=${(one) => one.name} onOpen=${(one) => go(path(one.name))} columns=${[
        { id: "name", title: "Topic", cell: (one) => html`<a href=${href(path(one.name))}>${plain(one.name, 250)}</a>${one.internal ? html` <span class="tag">internal</span>` : ""}` },
        { id: "partitions", title: "Partitions", num: true, cell: (one) => one.partitions.length },
        { id: "offsets", title: "Offsets", num: true, hint: "From the log's start to its end, in all partitions", cell: (one) => sum(one, (part) => part.log_end_offset - part.log_start_offset).toLocaleString("en") },
        { id: "size", title: "Size", num: true, cell: (one) => (one.partitions.some((part) => part.size_bytes < 0) ? "–" : bytes(sum(one, (part) => part.size_bytes))) },
      ]} />`;
    }}<//>`;
}
