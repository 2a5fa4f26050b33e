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
 * Throws a Failure, also where no answer comes within `timeoutMs`; an aborted `signal` throws its own AbortError.
 */
export async function call(method, path, options = {}) {
  const answer = await answerTo(method, path, options);
  const text = await read(answer, method, path);
  return text === "" ? null : parsed(text, method, path, answer.status);
}

export const get = (path, values, options) => call("GET", path, { ...options, query: values });

/** As `call`, with the ETag: `{data, etag}`. */
export async function getWithTag(path) {
  const answer = await answerTo("GET", path, {});
  const text = await read(answer, "GET", path);
  return { data: parsed(text, "GET", path, answer.status), etag: answer.headers.get("ETag") };
}

/** The answer itself, for who reads it as a stream: its status is fine. `timeoutMs` is for its first byte. */
export async function answerTo(method, path, { body, headers, query: values, signal, timeoutMs = TIMEOUT_MS } = {}) {
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort("time"), timeoutMs);
  const give = () => ending.abort("given up");
  signal?.addEventListener("abort", give);
  let answer;
  try {
    answer = await fetch(BASE + path + query(values), {
      method,
      // The browser's own dialog for passwords stays away: this page has its own.
      credentials: "omit",
      cache: "no-store",
      signal: ending.signal,
      headers: {
        ...(authorization ? { Authorization: authorization } : {}),
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (signal?.aborted) throw new DOMException("given up", "AbortError");
    const why = ending.signal.aborted ? `no answer within ${timeoutMs / 1000} s` : "no connection to the worker";
    throw new Failure(method, path, 0, why);
  } finally {
    clearTimeout(timer);
    if (!answer) signal?.removeEventListener("abort", give);
  }
  if (answer.ok) return answer;
  throw await failure(answer, method, path);
}

async function failure(answer, method, path) {
  const text = await read(answer, method, path);
  let told = null;
  try {
    told = JSON.parse(text);
  } catch {
    // A proxy between may answer in its own words; they are shown.
  }
  if (answer.status === 401) session.set({ ...session.get(), needed: true });
  const hint = answer.headers.get("X-Connect-Error-Hint");
  const message = typeof told?.message === "string" ? told.message : text.slice(0, 2000) || answer.statusText;
  const code = answer.headers.get("X-Connect-Error-Code");
  return new Failure(method, path, answer.status, message, code, hint && decoded(hint), told);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function read(answer, method, path) {
  try {
    return await answer.text();
  } catch {
    throw new Failure(method, path, 0, "the connection ended in the middle of the answer");
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
