// A connector's page: its head, and the tab that the address names.
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { get, url } from "../api.js";
import { ACTIONS, actAndSay, commandOf, marks } from "../actions.js";
import { live, reconnect } from "../live.js";
import { ActionBar } from "../parts/actionbar.js";
import { Badge } from "../parts/badge.js";
import { ErrorBox, Loaded } from "../parts/errors.js";
import { useLoaded } from "../parts/loaded.js";
import { Tabs } from "../parts/tabs.js";
import { count, plain, shortClass } from "../parts/text.js";
import { clock, figure } from "../parts/time.js";
import { connectorPath, go, href } from "../router.js";
import { useStore } from "../store.js";
import { tabs } from "../views.js";

export const view = Connector;

function Connector({ params: [name, tab = ""] }) {
  const row = useStore(live, (value) => value.rows.get(name));
  const isLoaded = useStore(live, (value) => value.isLoaded);
  const failure = useStore(live, (value) => value.failure);
  const items = tabs.map((one) => ({ ...one, href: href(connectorPath(name, one.id)) }));
  if (!row && !isLoaded) {
    return failure
      ? html`<${ErrorBox} failure=${failure} what="The connector could not be loaded" />`
      : html`<p class="quiet loading" aria-busy="true">Loading…</p>`;
  }
  return html`
    <nav aria-label="Where this is" class="crumbs"><a href="#/">Connectors</a> <span aria-hidden="true">/</span></nav>
    <${Head} name=${name} row=${row} />
    ${failure && html`<${ErrorBox} failure=${failure} what="The connection to the worker is lost; what is below is old" retry=${reconnect} />`}
    ${row ? html`<${Tabs} label="About this connector" items=${items} current=${tab} /><${Tab} key=${`${name}/${tab}`} id=${tab} name=${name} row=${row} />` : html`<${Gone} name=${name} />`}
  `;
}

function Head({ name, row }) {
  const mark = useStore(marks, (all) => all.get(name));
  const done = async (verb) => (await actAndSay(verb, name)) && verb === "delete" && go("/");
  const actions = !row ? [] : Object.entries(ACTIONS).filter(([, action]) => action.fits(row)).map(([verb, action]) => ({
    label: action.label, isDanger: action.isDanger, disabled: Boolean(mark?.doing), command: commandOf(verb, name), onClick: () => done(verb),
  }));
  return html`<header class="page-head">
    <div><h1 title=${plain(name)}>${plain(name, 200)}</h1>
      ${row && html`<p class="facts"><${Badge} state=${row.worst} pending=${mark?.doing} />
        <span>${row.type}</span><span title=${plain(row.class)}>${shortClass(row.class)}</span>
        ${row.tasks.failed > 0
          ? html`<span class="bad-text">${row.tasks.failed} of ${count(row.tasks.total, "task")} failed</span>`
          : html`<span>${row.tasks.total ? `${row.tasks.running} of ${count(row.tasks.total, "task")} running` : "no tasks"}</span>`}
        <span>${figure(row.records_per_second)} records/s</span>
        ${row.lag !== null && row.lag !== undefined && html`<span>lag ${figure(row.lag)}</span>`}
        ${mark && !mark.doing && html`<span class=${mark.failure ? "bad-text" : "quiet"}>${mark.failure ? `${ACTIONS[mark.verb].label.toLowerCase()} refused` : ACTIONS[mark.verb].done} ${clock(mark.at)}</span>`}
      </p>`}</div>
    <${ActionBar} actions=${actions} label="Actions" />
  </header>`;
}

/** What the worker says of a name that is not among the connectors. */
function Gone({ name }) {
  const told = useLoaded((signal) => get(url`/connectors/${name}/status`, {}, { signal }), [name]);
  return html`<${Loaded} of=${told} what="There is no such connector">${() => html`<p class="quiet">It has just been made.</p>`}<//>`;
}

function Tab({ id, name, row }) {
  const tab = tabs.find((one) => one.id === id);
  const [state, setState] = useState(null);
  useEffect(() => {
    let isGone = false;
    tab?.load().then((module) => !isGone && setState({ view: module.view.component ?? module.view }), (error) => !isGone && setState({ error }));
    return () => (isGone = true);
  }, [tab]);
  if (!tab) return html`<p class="empty">There is nothing here. <a href=${href(connectorPath(name))}>Back to the overview</a></p>`;
  if (!state) return html`<p class="quiet loading" aria-busy="true">Loading…</p>`;
  if (state.error) return html`<${ErrorBox} failure=${state.error} what="This view could not be loaded" retry=${() => location.reload()} />`;
  return html`<${state.view} name=${name} row=${row} />`;
}
