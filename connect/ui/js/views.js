// Which views there are. Each is a module of js/views/ that exports `view`, its component; it is loaded when it is
// first shown. `path` is matched against the address, and its groups are the view's `params`, decoded.

export const views = [
  { path: /^\/$/, title: () => "Connectors", nav: "Connectors", to: "/", load: () => import("./views/overview.js") },
  {
    path: /^\/connectors\/([^/]+)(?:\/([a-z-]+))?$/,
    title: (params) => params[0],
    load: () => import("./views/connector.js"),
  },
];

/** The tabs of a connector's page, in their order: `view` is given `{name, row, config}`. */
export const tabs = [
  { id: "", title: "Overview", load: () => import("./views/connector-overview.js") },
  { id: "offsets", title: "Offsets", load: () => import("./views/connector-offsets.js") },
  { id: "logs", title: "Logs", load: () => import("./views/connector-logs.js") },
  { id: "metrics", title: "Metrics", load: () => import("./views/connector-metrics.js") },
];

/** The view of an address and its parameters; null where there is none. */
export function viewOf(path) {
  for (const view of views) {
    const found = view.path.exec(path);
    if (found) return { view, params: found.slice(1).map((part) => part && decoded(part)) };
  }
  return null;
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
