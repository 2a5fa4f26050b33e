// The address is `#/path?query`: filters and sorting are in it, so that a link shows what its sender saw.
import { createStore } from "./store.js";

const read = () => {
  const [path, text] = (location.hash.slice(1) || "/").split("?");
  return { path: path || "/", query: Object.fromEntries(new URLSearchParams(text ?? "")) };
};

/** `{path, query}`; the parts of the path are still encoded. */
export const route = createStore(read());

addEventListener("hashchange", () => route.set(read()));

/** An address within the page; values that are empty or null are left out. */
export function href(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return `#${path}${given.length ? `?${new URLSearchParams(given)}` : ""}`;
}

export function go(path, query) {
  location.hash = href(path, query).slice(1);
}

/** Change some of the query, without a step in the browser's history: typing in a filter is no navigation. */
export function setQuery(values) {
  const { path, query } = route.get();
  history.replaceState(null, "", href(path, { ...query, ...values }));
  route.set(read());
}

export const connectorPath = (name, tab) => `/connectors/${encodeURIComponent(name)}${tab ? `/${tab}` : ""}`;
