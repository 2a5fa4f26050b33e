// The shell: header, navigation, whether the worker answers, login, help, and the view that the address names.
import { html, render, useEffect, useErrorBoundary, useState } from "./vendor/htm-preact.js";
import { call, get, isLoggedIn, logIn, logOut, session } from "./api.js";
import { follow, live, reconnect, STALE_MS } from "./live.js";
import { Dialog } from "./parts/dialog.js";
import { ErrorBox } from "./parts/errors.js";
import { count, plain } from "./parts/text.js";
import { span, useNow } from "./parts/time.js";
import { Toasts } from "./parts/toast.js";
import { href, route } from "./router.js";
import { createStore, useStore } from "./store.js";
import { viewOf, views } from "./views.js";

const THEME = "connect.theme";
const THEMES = ["auto", "light", "dark"];
const help = createStore(false);

function useTheme() {
  const [theme, setTheme] = useState(() => localStorage.getItem(THEME) ?? "auto");
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem(THEME, theme);
  }, [theme]);
  return [theme, () => setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length])];
}

/** Ask who this is: what they may not do is not offered. */
async function identify() {
  try {
    const me = await get("/v1/me");
    session.set({ ...session.get(), me, failure: null, needed: me.auth !== "none" && me.user === null });
  } catch (failure) {
    session.set({ ...session.get(), me: null, failure: failure.status === 401 ? null : failure });
  }
}

function App() {
  const { needed, me, failure } = useStore(session);
  const { path } = useStore(route);
  const [theme, nextTheme] = useTheme();
  const isHelping = useStore(help);
  // Where they do not fit side by side, as on a phone, the current one is scrolled to.
  useEffect(() => document.querySelector(".top nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" }), [path]);
  const signs = { auto: "◐", light: "☀", dark: "☾" };
  return html`
    <a class="skip" href="#main" onClick=${(event) => {
      event.preventDefault();
      document.getElementById("main").focus();
    }}>Skip to the content</a>
    <header class="top">
      <a class="brand" href="#/" aria-label="Connect: all connectors"><span class="logo" aria-hidden="true"></span>Connect</a>
      <nav aria-label="Main">${views.filter((view) => view.nav).map((view) => html`<a key=${view.to} href=${href(view.to)}
        aria-current=${isWithin(path, view) ? "page" : undefined}>${view.nav}</a>`)}</nav>
      <div class="top-right">
        <${Workers} />
        <${Pulse} />
        ${me?.user && html`<span class="user" title=${`role ${me.role}`}>${plain(me.user, 60)}${me.can_change ? "" : html` <span class="tag">read only</span>`}</span>`}
        ${isLoggedIn() && !needed && html`<button type="button" class="quiet-button" onClick=${() => {
          logOut();
          location.reload();
        }}>Log out</button>`}
        <button type="button" class="icon" aria-label=${`Theme: ${theme}`} title=${`Theme: ${theme}`} onClick=${nextTheme}>${signs[theme]}</button>
        <button type="button" class="icon" aria-label="Keys" title="Keys (?)" onClick=${() => help.set(true)}>?</button>
      </div>
    </header>
    ${me?.open_to_others && html`<p class="banner" role="note"><strong>Others can reach this worker, and it asks for no user.</strong>
      ${" "}Whoever reaches it may change every connector. Set <code>rest.authentication.file</code>, or listen on 127.0.0.1 alone.</p>`}
    <main id="main" tabindex="-1">
      ${failure && failure.status !== 404 && html`<${ErrorBox} failure=${failure} what="Who you are to this worker could not be asked" retry=${identify} />`}
      ${needed ? html`<${Login} />` : html`<${Current} path=${path} />`}</main>
    <${Toasts} />
    ${isHelping && html`<${Help} />`}
  `;
}

const isWithin = (path, view) => path === view.to || (view.to === "/" ? path.startsWith("/connectors") : path.startsWith(`${view.to}/`));

/** The worker that answers, and the others of its group. */
function Workers() {
  const worker = useStore(live, (value) => value.worker);
  if (!worker) return null;
  const all = worker.workers ?? [];
  const told = all.map((one) => `${one.worker_id}: ${count(one.tasks, "task")}${one.leads ? ", leads" : ""}${one.leaving ? ", leaves" : ""}`).join("\n");
  return html`<details class="workers"><summary title=${plain(told)}>${all.length > 1 ? count(all.length, "worker") : plain(worker.worker_id, 60)}</summary>
    <ul>${all.map((one) => html`<li key=${one.worker_id}><span class="mono">${plain(one.worker_id, 80)}</span> ${count(one.tasks, "task")}
      ${one.leads && html` <span class="tag">leads</span>`}${one.leaving && html` <span class="tag">leaves</span>`}</li>`)}
      <li class="quiet">group ${plain(worker.group, 80)}, version ${plain(worker.version, 40)}</li></ul></details>`;
}

/** Whether what is shown is what is. */
function Pulse() {
  const { at, failure, isLoaded } = useStore(live);
  const isNobody = useStore(session, (value) => value.needed);
  const now = useNow();
  const age = at === null ? null : now - at;
  const isLost = failure !== null || (age !== null && age > 2 * STALE_MS);
  useEffect(() => {
    document.body.classList.toggle("stale", isLost && age !== null && age > STALE_MS);
  });
  // Who has not logged in yet has lost nothing.
  if (isNobody) return null;
  const text = !isLoaded && !failure ? "connecting…" : isLost ? `connection lost${age === null ? "" : `, state of ${span(age)} ago`}` : "live";
  return html`<span class=${`pulse ${isLost ? "lost" : isLoaded ? "on" : ""}`}>
    <span class="dot" aria-hidden="true"></span><span role="status">${isLost ? "connection lost" : text}</span>
    ${isLost && age !== null && html`<span class="age">state of ${span(age)} ago</span>`}
    ${isLost && html`<button type="button" class="small" title=${failure ? plain(`${failure.status ? `HTTP ${failure.status}: ` : ""}${failure.text ?? failure.message}`, 500) : ""} onClick=${reconnect}>Try now</button>`}</span>`;
}

function Current({ path }) {
  const found = viewOf(path);
  const [state, setState] = useState(null);
  useEffect(() => {
    if (!found) return undefined;
    let isGone = false;
    found.view.load().then(
      (module) => !isGone && setState({ of: found.view, component: module.view.component ?? module.view }),
      (error) => !isGone && setState({ of: found.view, error }),
    );
    return () => (isGone = true);
  }, [found?.view]);
  const title = found ? found.view.title(found.params) : "Nothing here";
  useEffect(() => {
    document.title = `${plain(title, 80)} · Connect`;
  }, [title]);
  if (!found) return html`<div class="empty"><h1>There is nothing at this address</h1><p><a href="#/">All connectors</a></p></div>`;
  if (state?.of !== found.view) return html`<p class="quiet loading" aria-busy="true">Loading…</p>`;
  if (state.error) return html`<${ErrorBox} failure=${state.error} what="This view could not be loaded" retry=${() => location.reload()} />`;
  return html`<${Guarded} key=${path.split("/").slice(0, 3).join("/")} what=${state.component} params=${found.params} />`;
}

/** A defect in a view takes that view down, and says so. */
function Guarded({ what, params }) {
  const [error, reset] = useErrorBoundary((found) => console.error(found));
  if (error) return html`<${ErrorBox} failure=${error} what="This view has a defect" retry=${reset} />`;
  return html`<${what} params=${params} />`;
}

function Login() {
  const [failure, setFailure] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    const given = new FormData(event.target);
    logIn(given.get("user"), given.get("password"));
    try {
      await call("GET", "/");
      session.set({ ...session.get(), needed: false });
      await identify();
      reconnect();
    } catch (error) {
      logOut();
      setFailure(error);
    }
  };
  return html`<form class="login" onSubmit=${submit}>
    <h1>Log in</h1>
    <p class="quiet">This worker asks for a user of its credentials file. The password stays in this tab, until it is closed.</p>
    ${failure && html`<${ErrorBox} failure=${failure} what="You are not logged in" />`}
    <label>User <input name="user" autocomplete="username" required autofocus /></label>
    <label>Password <input name="password" type="password" autocomplete="current-password" required /></label>
    <button type="submit" class="primary">Log in</button>
  </form>`;
}

const KEYS = [
  ["/", "filter what is shown"],
  ["↑ ↓ Home End", "from row to row of a table"],
  ["Enter", "open the row"],
  ["Space", "select the row"],
  ["g then c", "all connectors"],
  ["?", "these keys"],
  ["Esc", "close, or clear a filter"],
];

const Help = () => html`<${Dialog} title="Keys" onClose=${() => help.set(false)}>
  <dl class="keys">${KEYS.map(([key, what]) => html`<div><dt>${key.split(" ").map((one) => (one === "then" ? " then " : html`<kbd>${one}</kbd>`))}</dt><dd>${what}</dd></div>`)}</dl>
<//>`;

let lastKey = "";
addEventListener("keydown", (event) => {
  const isWriting = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (isWriting || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "?") help.set(true);
  else if (event.key === "c" && lastKey === "g") location.hash = "#/";
  else if (event.key === "/") {
    const field = document.querySelector("[data-filter]");
    if (!field) return;
    event.preventDefault();
    field.focus();
  }
  lastKey = event.key;
});

// The focus goes where the reader went to, for who hears the page; a tab or a filter leaves it where it is.
let lastPath = route.get().path;
route.subscribe(({ path }) => {
  if (path === lastPath) return;
  lastPath = path;
  if (!document.activeElement?.closest(".tabs")) document.getElementById("main")?.focus({ preventScroll: true });
});

render(html`<${App} />`, document.getElementById("app"));
// First who this is: without a user there is nothing to follow yet.
identify().finally(follow);
