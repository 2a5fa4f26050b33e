// A config as text: JSON that people edit, with the line of each key; and the forms in which it can be taken along.
import { fromJson, hasMembers } from "./json.js";

/** Longer texts are no config; the worker takes no more either. */
export const CHARS_MAX = 1 << 20;
/** A key stands at the begin of a line; what is behind it may be long. */
const KEY_CHARS_MAX = 4096;
const KEY = /^\s*"((?:[^"\\]|\\.)*)"\s*:/;

/**
 * What a text holds: `{config, name, error, lines, twice}`. `config` is null where `error`, `{text, line}`, says why;
 * `lines` are by key, from 1. `{name, config}` is read as well, and its name told apart.
 */
export function read(text) {
  const lines = new Map();
  const twice = [];
  if (text.length > CHARS_MAX) return { config: null, name: null, lines, twice, error: { text: "This is too long for a config.", line: null } };
  text.split("\n").forEach((line, i) => {
    const key = KEY.exec(line.slice(0, KEY_CHARS_MAX))?.[1];
    if (key === undefined) return;
    if (lines.has(key)) twice.push({ key, line: i + 1 });
    lines.set(key, i + 1);
  });
  let found;
  try {
    found = fromJson(text);
  } catch (error) {
    return { config: null, name: null, lines, twice, error: { text: String(error.message).slice(0, 300), line: lineOf(text, error.message) } };
  }
  const problem = (text, line = 1) => ({ config: null, name: null, lines, twice, error: { text, line } });
  if (!hasMembers(found) || Array.isArray(found)) return problem("A JSON object of keys and values is expected.");
  let name = null;
  if (hasMembers(found.config ?? null) && !Array.isArray(found.config)) {
    name = typeof found.name === "string" ? found.name : null;
    found = found.config;
  }
  const config = {};
  for (const [key, value] of Object.entries(found)) {
    if (value === null || hasMembers(value)) return problem(`The value of ${key} is to be text, a number, true or false.`, lines.get(key));
    config[key] = typeof value === "string" ? value : JSON.stringify(value);
  }
  if (name === null && typeof config.name === "string") name = config.name;
  return { config, name, lines, twice, error: null };
}

function lineOf(text, message) {
  const line = /line (\d+)/.exec(message);
  if (line) return Number(line[1]);
  const at = /position (\d+)/.exec(message);
  return at ? text.slice(0, Number(at[1])).split("\n").length : text.trimEnd().split("\n").length;
}

export const asJson = (config) => JSON.stringify(config, null, 2);

/** The config with one key set, or without it where the value is null; the order stays. */
export function withKey(config, key, value) {
  if (value === null) return Object.fromEntries(Object.entries(config).filter(([one]) => one !== key));
  return { ...config, [key]: value };
}

const escaped = (text, isKey) => text.replace(/\\/g, "\\\\").replace(/\n/g, "\\n").replace(/\r/g, "\\r").replace(/\t/g, "\\t")
  .replace(isKey ? /[ :=#!]/g : /^[ ]/, (char) => `\\${char}`)
  .replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Java properties. */
export const asProperties = (name, config) =>
  `${Object.entries({ ...(name ? { name } : {}), ...config }).map(([key, value]) => `${escaped(key, true)}=${escaped(value, false)}`).join("\n")}\n`;

const FORMATS = {
  "org.apache.kafka.connect.json.JsonConverter": "json",
  "org.apache.kafka.connect.storage.StringConverter": "simplestring",
  "io.confluent.connect.avro.AvroConverter": "avro",
  "io.confluent.connect.protobuf.ProtobufConverter": "protobuf",
};

/** Whether Debezium Server runs such a connector, too. */
export const isOfDebezium = (config) => String(config["connector.class"] ?? "").startsWith("io.debezium.");

/** What Debezium Server's application.properties say of a source; where records go is its reader's to add. */
export const asDebeziumServer = (config) => {
  const named = ([key, value]) => {
    if (/^(transforms|predicates)(\.|$)/.test(key)) return [`debezium.${key}`, value];
    const [, which, rest] = /^(key|value|header)\.converter(\..*)?$/.exec(key) ?? [];
    if (which && FORMATS[config[`${which}.converter`]]) return [`debezium.format.${which}${rest ?? ""}`, rest ? value : FORMATS[value]];
    return [`debezium.source.${key}`, value];
  };
  return `# debezium.sink.type=where its records go\n${asProperties("", Object.fromEntries(Object.entries(config).map(named)))}`;
};

/** Give the browser a file to keep. */
export function download(file, text, type = "application/json") {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = file.replace(/[^\w.-]+/g, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** How two configs differ: `[{key, before, after}]`, null where a key is not there. */
export function changesOf(before, after) {
  const keys = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].sort();
  return keys.filter((key) => before?.[key] !== after?.[key]).map((key) => ({ key, before: before?.[key] ?? null, after: after?.[key] ?? null }));
}
