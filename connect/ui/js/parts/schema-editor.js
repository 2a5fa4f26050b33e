// A schema that is written, checked against those of its subject, and registered.
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { call, curl } from "../api.js";
import { asLines, fromLines, paths } from "../schemas.js";
import { ActionBar } from "./actionbar.js";
import { ErrorBox } from "./errors.js";
import { CHARS_MAX } from "./lines.js";
import { plain } from "./text.js";
import { TextArea } from "./textarea.js";
import { say } from "./toast.js";

const MESSAGES_MAX = 50;
const DESCRIPTION = /description:'(.*)', additionalInfo/s;
/** What a check answers where there is nothing to compare. */
const INVALID = /^Invalid schema /;
const VERSION = /^\{oldSchemaVersion: (\d+)\}$/;

/** `begin` is `{text, type, references}` to begin with; `level` is that in force, null where it is not known; `onDone({version, id})` once it is registered. */
export function SchemaEditor({ subject, types, begin, level, onDone }) {
  const [text, setText] = useState(begin.text);
  const [type, setType] = useState(begin.type);
  const [lines, setLines] = useState(asLines(begin.references));
  const [told, tell] = useState(null);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => tell(null), [subject]);
  const changed = (set) => (value) => {
    set(value);
    tell(null);
  };
  let references = [];
  let wrong = null;
  try {
    references = fromLines(lines);
  } catch (error) {
    wrong = error.message;
  }
  const body = { schemaType: type, schema: text, ...(references.length ? { references } : {}) };
  const hasNone = !subject || text.trim() === "" || wrong !== null;
  const ask = async (what, work) => {
    setBusy(true);
    try {
      tell(await work());
    } catch (failure) {
      tell({ failure, what });
    }
    setBusy(false);
  };
  const look = () => call("POST", `${paths.check(subject)}?verbose=true`, { body, timeoutMs: 120000 });
  const register = async () => {
    const checked = await look();
    if (!checked.is_compatible) return { checked, isRefused: true };
    const made = await call("POST", paths.versions(subject), { body, timeoutMs: 120000 });
    say("good", `${subject}: it is version ${made.version}, with the id ${made.id}`);
    onDone(made);
    return null;
  };
  if (text.length > CHARS_MAX) return html`<p class="quiet">This is too long to be edited here: <code>connect schema register SUBJECT FILE</code> takes it.</p>`;
  const write = { label: isBusy ? "…" : "Register", isPrimary: true, disabled: isBusy || hasNone, command: curl("POST", paths.versions(subject), body), onClick: () => ask("It was not registered", register) };
  const check = { label: "Check", disabled: isBusy || hasNone, command: curl("POST", paths.check(subject), body, { verbose: true }), onClick: () => ask("It could not be checked", async () => ({ checked: await look() })) };
  return html`<div class="schema-editor">
    <div class="toolbar"><label>Type <select value=${type} onChange=${(event) => changed(setType)(event.target.value)}>${types.map((one) => html`<option value=${one}>${plain(one, 40)}</option>`)}</select></label></div>
    <${TextArea} value=${text} onInput=${changed(setText)} label="Schema" />
    <details open=${begin.references.length > 0}><summary>References</summary>
      <label class="block">One a line, NAME=SUBJECT:VERSION <textarea class="paste mono" rows="3" spellcheck=${false} aria-invalid=${wrong !== null} value=${lines} onInput=${(event) => changed(setLines)(event.target.value)}></textarea></label>
      ${wrong && html`<p class="bad-text">${plain(wrong, 400)}</p>`}</details>
    <${ActionBar} label="This schema" actions=${[check, write]} />
    <div role="status">${told?.checked && html`<${Verdict} of=${told.checked} isRefused=${told.isRefused} level=${level} />`}</div>
    ${told?.failure && html`<${ErrorBox} failure=${told.failure} what=${told.what} />`}
  </div>`;
}

const by = (level) => (level ? `, by the level ${plain(level, 60)}` : "");

function Verdict({ of, isRefused, level }) {
  if (of.is_compatible) return html`<p class="good-text">${level === "NONE" ? "It is a schema; by the level NONE it is compared with nothing." : `It may follow${by(level)}.`}</p>`;
  const messages = (of.messages ?? []).map((one) => String(one).slice(0, 20000));
  const told = messages.map((one) => DESCRIPTION.exec(one)?.[1]).filter(Boolean);
  const version = messages.map((one) => VERSION.exec(one)?.[1]).find(Boolean);
  const why = INVALID.test(messages[0] ?? "") ? "is no schema that the registry takes" : `may not follow${version ? ` version ${version}` : ""}${by(level)}`;
  return html`<div class="fault"><p><strong>${isRefused ? "It was not registered: it" : "It"} ${why}.</strong></p>
    ${told.length > 0 && html`<ul class="verdict">${told.slice(0, MESSAGES_MAX).map((one) => html`<li>${plain(one, 2000)}</li>`)}</ul>`}
    <details open=${told.length === 0}><summary>In the registry's words</summary><ul class="verdict">${messages.slice(0, MESSAGES_MAX).map((one) => html`<li class="mono">${plain(one, 2000)}</li>`)}</ul></details>
    ${messages.length > MESSAGES_MAX && html`<p class="quiet">and ${messages.length - MESSAGES_MAX} more</p>`}</div>`;
}
