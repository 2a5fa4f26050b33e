// The state of all connectors, as it changes: one stream of events, and a new one when it ends.
import { answerTo, Failure, session } from "./api.js";
import { createStore } from "./store.js";

const SILENCE_MS = 12000; // the worker says something each 5 s
const AGAIN_MS = [500, 1000, 2000, 5000];
const HIDDEN_MS = 60000;
/** What is older is shown as old. */
export const STALE_MS = 5000;

/**
 * `rows` by name, `at` when the worker last said something (this machine's clock), `failure` why nothing comes now.
 * Rows keep their identity while they are the same.
 */
export const live = createStore({ rows: new Map(), at: null, failure: null, worker: null, isLoaded: false });

const heard = (changes) => live.set({ ...live.get(), at: Date.now(), failure: null, ...changes });
const changed = (rows) => {
  const next = new Map(live.get().rows);
  for (const row of rows) next.set(row.name, row);
  return next;
};

/** Take what a request of this page has just learnt of a connector: the stream says the same a moment later. */
export function patch(name, values) {
  const row = live.get().rows.get(name);
  if (row) live.set({ ...live.get(), rows: changed([{ ...row, ...values }]) });
}

export function forget(names) {
  const rows = new Map(live.get().rows);
  for (const name of names) rows.delete(name);
  live.set({ ...live.get(), rows });
}

/** Call `back` each time the worker answers again after it did not. Returns how to end that. */
export function onReturn(back) {
  let isLost = live.get().failure !== null;
  return live.subscribe(({ failure }) => {
    const wasLost = isLost;
    isLost = failure !== null;
    if (wasLost && !isLost) back();
  });
}

let ending = null;
let wake = null;

/** Keep the state current until the page goes; a page that is hidden for a minute asks for nothing. */
export function follow() {
  let timer = null;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => ending?.abort(), HIDDEN_MS);
    else wake?.();
  });
  forever();
}

/** Connect again now: after a login, or because somebody asks. */
export function reconnect() {
  ending?.abort();
  wake?.();
}

async function forever() {
  let failed = 0;
  for (;;) {
    // Until somebody has logged in the worker would say no each time.
    while (session.get().needed) await new Promise((resolve) => (wake = resolve));
    try {
      ending = new AbortController();
      await once(ending.signal, () => (failed = 0));
    } catch (error) {
      if (error.name !== "AbortError") live.set({ ...live.get(), failure: error });
    }
    const wait = AGAIN_MS[Math.min(failed++, AGAIN_MS.length - 1)];
    await new Promise((resolve) => {
      wake = resolve;
      if (!document.hidden) setTimeout(resolve, wait);
    });
  }
}

async function once(signal, works) {
  const answer = await answerTo("GET", "/v1/events", { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await within(reader.read().catch(cut), SILENCE_MS, () => ending.abort());
    if (done) throw new Failure("GET", "/v1/events", 0, "the worker ended the stream of events");
    const parts = (rest + value).replaceAll("\r", "").split("\n\n");
    rest = parts.pop();
    for (const part of parts) take(part);
    works();
  }
}

function cut(error) {
  throw error.name === "AbortError" ? error : new Failure("GET", "/v1/events", 0, "the connection to the worker was cut");
}

function take(text) {
  let kind = "message";
  const data = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("event:")) kind = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
  }
  const told = data.length ? JSON.parse(data.join("\n")) : {};
  if (kind === "snapshot") {
    heard({ rows: new Map(told.connectors.map((row) => [row.name, row])), worker: told.worker ?? null, isLoaded: true });
  } else if (kind === "changed") {
    heard({ rows: changed(told.connectors), worker: told.worker ?? live.get().worker });
  } else if (kind === "removed") {
    forget(told.names);
    heard({});
  } else if (kind === "end") {
    throw new Failure("GET", "/v1/events", 0, told.message, told.code);
  } else heard({});
}

function within(promise, ms, late) {
  let timer;
  const tooLate = new Promise((_, reject) => {
    timer = setTimeout(() => {
      late();
      reject(new Failure("GET", "/v1/events", 0, `the worker said nothing for ${ms / 1000} s`));
    }, ms);
  });
  return Promise.race([promise, tooLate]).finally(() => clearTimeout(timer));
}

/** In the order of the worker's rows, which come a moment later. */
const WORST = ["FAILED", "RESTARTING", "UNASSIGNED", "STOPPED", "PAUSED", "RUNNING"];
const worst = (states) => WORST.find((state) => states.includes(state)) ?? states[0];

/** The counts of a status as a row has them. */
export function summary(status) {
  const states = status.tasks.map((task) => task.state);
  const of = (state) => states.filter((one) => one === state).length;
  return {
    state: status.connector.state,
    worst: worst([status.connector.state, ...states]),
    tasks: {
      total: states.length, running: of("RUNNING"), failed: of("FAILED"), paused: of("PAUSED"),
      unassigned: of("UNASSIGNED"), restarting: of("RESTARTING"),
    },
  };
}
