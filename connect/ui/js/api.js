// The one place that asks the worker. Everything is the public REST API; each request can be shown as curl.
import { fromJson } from "./parts/json.js";
import { createStore } from "./store.js";

/** Where the worker answers: the page may be behind a proxy's prefix. */
export const BASE = new URL("../../", import.meta.url).href.replace(/\/$/, "");
const KEY = "connect.authorization";
const TIMEOUT_MS = 30000;

/** Why a request failed: `status` is 0 where no answer came, `code` is the worker's own (docs/reference/errors.md). */
export class Failure extends Error {
  constructor(method, path, status, text, code = null, hint = null, body = null) {
    super(text);
    Object.assign(this, { name: "Failure", method, path, status, text, code, hint, body });
  }
}

/** Whether a user is asked for, and who it is; `GET /v1/me` fills in the rest. */
export const session = createStore({ needed: false, me: null, failure: null });

let authorization = sessionStorage.getItem(KEY);

export function logIn(user, password) {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  authorization = `Basic ${btoa(String.fromCharCode(...bytes))}`;
  sessionStorage.setItem(KEY, authorization);
}

export function logOut() {
  authorization = null;
  sessionStorage.removeItem(KEY);
}

export const isLoggedIn = () => authorization !== null;

/** A path with its parts encoded: url`/connectors/${name}/status`. */
export const url = (texts, ...parts) =>
  texts.reduce((made, text, i) => made + encodeURIComponent(parts[i - 1]) + text);

const query = (values) => {
  const given = Object.entries(values ?? {}).filter(([, value]) => value !== null && value !== undefined);
  return given.length ? `?${new URLSearchParams(given)}` : "";
};

/**
 * Ask the worker, and return what it answered: JSON read, or null where there is no body.
 * Throws a Failure, also where the whole answer has not come within `timeoutMs`; an aborted `signal` throws its own
 * AbortError.
 */
export async function call(method, path, options = {}) {
  const { answer, text } = await answered(method, path, options);
  return text === "" ? null : parsed(text, method, path, answer.status);
}

export const get = (path, values, options) => call("GET", path, { ...options, query: values });

/** As `call`, with the ETag: `{data, etag}`. */
export async function getWithTag(path) {
  const { answer, text } = await answered("GET", path, {});
  return { data: parsed(text, "GET", path, answer.status), etag: answer.headers.get("ETag") };
}

async function answered(method, path, options) {
  const within = bounds(method, path, options);
  try {
    const answer = await asked(method, path, options, within);
    return { answer, text: await read(answer, within) };
  } finally {
    within.end();
  }
}

/** The answer itself, for who reads it as a stream: its status is fine. `timeoutMs` is for its first byte. */
export async function answerTo(method, path, options = {}) {
  const within = bounds(method, path, options);
  try {
    const answer = await asked(method, path, options, within);
    within.begun();
    return answer;
  } catch (error) {
    within.end();
    throw error;
  }
}

/** How long a request may take, and who may give it up; `failure(text)` is what it ends with where it does not come. */
function bounds(method, path, { signal, timeoutMs = TIMEOUT_MS }) {
  const ending = new AbortController();
  const give = () => ending.abort("given up");
  const timer = setTimeout(() => ending.abort("time"), timeoutMs);
  signal?.addEventListener("abort", give);
  if (signal?.aborted) give();
  const begun = () => clearTimeout(timer);
  return {
    signal: ending.signal, method, path, begun,
    end() {
      begun();
      signal?.removeEventListener("abort", give);
    },
    failure(text) {
      if (signal?.aborted) return new DOMException("given up", "AbortError");
      return new Failure(method, path, 0, ending.signal.aborted ? `no answer within ${timeoutMs / 1000} s` : text);
    },
  };
}

async function asked(method, path, { body, headers, query: values }, within) {
  let answer;
  try {
    answer = await fetch(BASE + path + query(values), {
      method,
      // What a proxy in between knows its users by, a cookie or a password, goes along.
      credentials: "same-origin",
      redirect: "manual",
      cache: "no-store",
      signal: within.signal,
      headers: {
        // The worker then leaves the browser's own dialog for passwords away: this page has its own.
        "X-Requested-With": "XMLHttpRequest",
        ...(authorization ? { Authorization: authorization } : {}),
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw within.failure("no connection to the worker");
  }
  if (answer.ok) return answer;
  if (answer.type === "opaqueredirect") {
    const why = "a proxy sends the page's requests elsewhere, as one does that wants a new login: load the page again";
    throw within.failure(why);
  }
  throw await failure(answer, within);
}

async function failure(answer, within) {
  const text = await read(answer, within);
  let told = null;
  try {
    told = JSON.parse(text);
  } catch {
    // A proxy between may answer in its own words; they are shown.
  }
  const code = answer.headers.get("X-Connect-Error-Code");
  // A 401 without a code is a proxy's, which asks by itself.
  if (answer.status === 401 && code) session.set({ ...session.get(), needed: true });
  const hint = answer.headers.get("X-Connect-Error-Hint");
  const message = typeof told?.message === "string" ? told.message : text.slice(0, 2000) || answer.statusText;
  return new Failure(within.method, within.path, answer.status, message, code, hint && decoded(hint), told);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function read(answer, within) {
  try {
    return await answer.text();
  } catch {
    throw within.failure("the connection ended in the middle of the answer");
  }
}

function parsed(text, method, path, status) {
  try {
    return fromJson(text);
  } catch {
    throw new Failure(method, path, status, `the answer is no JSON: ${text.slice(0, 200)}`);
  }
}

/** The request as a command for a shell; of a user only the name is in it. */
export function curl(method, path, body, values) {
  const parts = ["curl"];
  if (method !== "GET") parts.push("-X", method);
  if (authorization?.startsWith("Basic ")) parts.push("-u", quoted(userName()));
  if (body !== undefined) parts.push("-H", "'Content-Type: application/json'", "-d", quoted(JSON.stringify(body)));
  return [...parts, quoted(BASE + path + query(values))].join(" ");
}

export function userName() {
  if (!authorization) return null;
  const bytes = Uint8Array.from(atob(authorization.slice(6)), (c) => c.charCodeAt(0));
  return new TextDecoder().decode(bytes).split(":")[0];
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
