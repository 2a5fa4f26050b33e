// What is done to connectors: a mark at once, then what the worker says, then when it was.
import { call, curl, get, url } from "./api.js";
import { confirm } from "./parts/dialog.js";
import { count } from "./parts/text.js";
import { say } from "./parts/toast.js";
import { forget, patch, summary } from "./live.js";
import { createStore } from "./store.js";

const AT_ONCE = 4;
const tell = (verb) => (name) => ({ method: "PUT", path: url`/connectors/${name}/` + verb });

/** `of` makes the request; `doing` is the mark while it is under way; `fits` says for which rows it is offered. */
export const ACTIONS = {
  pause: { label: "Pause", doing: "pausing", done: "paused", of: tell("pause"), fits: (row) => !["PAUSED", "STOPPED"].includes(row.state) },
  resume: { label: "Resume", doing: "resuming", done: "resumed", of: tell("resume"), fits: (row) => ["PAUSED", "STOPPED"].includes(row.state) },
  stop: { label: "Stop", doing: "stopping", done: "stopped", of: tell("stop"), fits: (row) => row.state !== "STOPPED" },
  "restart-failed": {
    label: "Restart failed", doing: "restarting", done: "restarted", fits: (row) => row.worst === "FAILED",
    of: (name) => ({ method: "POST", path: url`/connectors/${name}/restart` + "?includeTasks=true&onlyFailed=true" }),
  },
  restart: {
    label: "Restart", doing: "restarting", done: "restarted", fits: (row) => row.state !== "STOPPED",
    of: (name) => ({ method: "POST", path: url`/connectors/${name}/restart` + "?includeTasks=true" }),
  },
  delete: {
    label: "Delete", doing: "deleting", done: "deleted", isDanger: true, fits: () => true,
    of: (name) => ({ method: "DELETE", path: url`/connectors/${name}` }),
  },
};

/** The same as a command. */
export const commandOf = (verb, name) => {
  const { method, path } = ACTIONS[verb].of(name);
  return curl(method, path);
};

/** By name, what was done last: `{verb, doing, at, failure}`; `doing` is set while it is under way. */
export const marks = createStore(new Map());

const mark = (name, value) => marks.set(new Map(marks.get()).set(name, value));

/** Do it to one connector. Returns its failure, or null; the mark has both. What it is then the stream says as well. */
export async function act(verb, name) {
  const { method, path } = ACTIONS[verb].of(name);
  mark(name, { verb, doing: ACTIONS[verb].doing, at: Date.now(), failure: null });
  try {
    await call(method, path);
    if (verb === "delete") forget([name]);
    else await get(url`/connectors/${name}/status`).then((status) => patch(name, summary(status)), () => null);
    mark(name, { verb, doing: null, at: Date.now(), failure: null });
    return null;
  } catch (failure) {
    mark(name, { verb, doing: null, at: Date.now(), failure });
    return failure;
  }
}

/** Do it to one, and say what came of it; a deletion asks first. Returns whether it was done. */
export async function actAndSay(verb, name) {
  const action = ACTIONS[verb];
  if (action.isDanger) {
    return confirm({
      title: `${action.label} ${name}?`, danger: true, verb: action.label, command: commandOf(verb, name),
      text: "Its config goes; its history stays, and a version of it can be brought back. Committed offsets of a source stay too.",
      act: async () => {
        const failure = await act(verb, name);
        if (failure) throw failure;
        say("good", `${name} was ${action.done}`);
      },
    });
  }
  const failure = await act(verb, name);
  if (failure) say("bad", `${name}: ${action.label.toLowerCase()} was refused`, [{ name, text: failure.text ?? failure.message, failed: true }]);
  else say("good", `${name} was ${action.done}`);
  return failure === null;
}

/** Do it to many, a few at a time. `told` is called with the results so far: `[{name, failure, at}]`. */
export async function actOnAll(verb, names, told) {
  const waiting = [...names];
  const results = [];
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const failure = await act(verb, name);
      results.push({ name, failure, at: Date.now() });
      told([...results]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const refused = results.filter((one) => one.failure).length;
  say(refused ? "bad" : "good", `${count(names.length - refused, "connector")} ${ACTIONS[verb].done}${refused ? `, ${refused} refused` : ""}`);
  return results;
}
