// What is asked of the schema registry: Confluent's API behind the worker's own address, and what each level means.
import { url } from "./api.js";

const ROOT = "/v1/registry";

/** What each level lets through. */
export const LEVELS = {
  BACKWARD: "a new schema reads what was written with the last one",
  BACKWARD_TRANSITIVE: "a new schema reads what was written with any before it",
  FORWARD: "the last schema reads what is written with the new one",
  FORWARD_TRANSITIVE: "each schema before it reads what is written with the new one",
  FULL: "the new schema and the last one read each other's records",
  FULL_TRANSITIVE: "the new schema and all before it read each other's records",
  NONE: "everything is let through",
};

// "." and ".." are ways through a path; with their context written out they are names.
const named = (subject) => (/^\.{1,2}$/.test(subject) ? `:.:${subject}` : subject);

/** The address of a subject's view. */
export const subjectPath = (subject) => `/schemas/${encodeURIComponent(subject)}`;

export const paths = {
  info: ROOT,
  overview: `${ROOT}/overview`,
  details: (subject) => url`/v1/registry/overview/${named(subject)}`,
  subject: (subject) => url`/v1/registry/subjects/${named(subject)}`,
  versions: (subject) => url`/v1/registry/subjects/${named(subject)}/versions`,
  version: (subject, version) => url`/v1/registry/subjects/${named(subject)}/versions/${version}`,
  check: (subject) => url`/v1/registry/compatibility/subjects/${named(subject)}/versions`,
  config: (subject) => (subject === null ? `${ROOT}/config` : url`/v1/registry/config/${named(subject)}`),
};

/** References as lines, `NAME=SUBJECT:VERSION`, as the command line takes them. */
export const asLines = (references) => references.map((one) => `${one.name}=${one.subject}:${one.version}`).join("\n");

/** The references of such lines. Throws an Error that names the line. */
export function fromLines(text) {
  return text.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
    const found = /^([^=]+)=(.+):(-1|[1-9]\d*)$/.exec(line);
    if (!found) throw new Error(`${line.slice(0, 200)} is no reference: NAME=SUBJECT:VERSION is expected`);
    return { name: found[1], subject: found[2], version: Number(found[3]) };
  });
}
