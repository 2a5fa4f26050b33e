// Which views there are. Each is a module of js/views/ that exports `view`, its component; it is loaded when it is
// first shown. `path` is matched against the address, and its groups are the view's `params`, decoded.

export const views = [
  { path: /^\/$/, title: () => "Connectors", nav: "Connectors", to: "/", load: () => import("./views/overview.js") },
  {
    path: /^\/connectors\/([^/]+)(?:\/([a-z-]+))?$/,
    title: (params) => params[0],
    load: () => import("./views/connector.js"),
  },
  { path: /^\/new$/, title: () => "New connector", load: () => import("./views/new.js") },
  { path: /^\/compare$/, title: () => "Compare", load: () => import("./views/compare.js") },
  { path: /^\/topics$/, title: () => "Topics", nav: "Topics", to: "/topics", load: () => import("./views/topics.js") },
  { path: /^\/topics\/([^/]+)$/, title: (params) => params[0], load: () => import("./views/topic.js") },
  { path: /^\/letters$/, title: () => "Dead letters", nav: "Dead letters", to: "/letters", load: () => import("./views/letters.js") },
  { path: /^\/letters\/([^/]+)$/, title: (params) => params[0], load: () => import("./views/letters.js") },
  { path: /^\/schemas$/, title: () => "Schemas", nav: "Schemas", to: "/schemas", load: () => import("./views/schemas.js") },
  { path: /^\/schemas\/([^/]+)$/, title: (params) => params[0], load: () => import("./views/subject.js") },
  { path: /^\/new-schema$/, title: () => "New schema", load: () => import("./views/new-schema.js") },
  { path: /^\/plugins$/, title: () => "Plugins", nav: "Plugins", to: "/plugins", load: () => import("./views/plugins.js") },
];

/** The tabs of a connector's page, in their order: `view` is given `{name, row, config}`. */
export const tabs = [
  { id: "", title: "Overview", load: () => import("./views/connector-overview.js") },
  { id: "config", title: "Config", load: () => import("./views/connector-config.js") },
  { id: "history", title: "History", load: () => import("./views/connector-history.js") },
  { id: "letters", title: "Dead letters", load: () => import("./views/connector-letters.js") },
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
