// The form over a config's text: a field for each key that the plugins declare, and one for each other key that is there.
import { html, useState } from "../vendor/htm-preact.js";
import { withKey } from "./configtext.js";
import { plain } from "./text.js";

const RANK = { HIGH: 0, MEDIUM: 1, LOW: 2 };
const SHOWN_MAX = 400;

/** `keys` are `{definition, value}` of a validation; `change(config)` writes the text anew. */
export function ConfigForm({ config, keys, errors, warnings, change, disabled }) {
  const [isAll, setAll] = useState(false);
  const [text, setText] = useState("");
  const [own, setOwn] = useState("");
  const declared = keys.filter((one) => one.definition && one.value.name !== "name");
  const isShown = ({ definition }) => isAll || definition.name in config || definition.importance === "HIGH" || errors.has(definition.name);
  const matching = declared.filter(({ definition }) => (text ? `${definition.name} ${definition.documentation}`.toLowerCase().includes(text.toLowerCase()) : isShown({ definition })));
  const order = (one) => (one.definition.name in config ? 0 : one.definition.required ? 1 : 2 + (RANK[one.definition.importance] ?? 3));
  const groups = new Map();
  for (const one of [...matching].sort((a, b) => order(a) - order(b)).slice(0, SHOWN_MAX)) {
    const group = one.definition.group ?? "Keys";
    groups.set(group, [...(groups.get(group) ?? []), one]);
  }
  const known = new Set(declared.map((one) => one.definition.name));
  const others = Object.keys(config).filter((key) => !known.has(key) && key !== "name" && (!text || key.includes(text)));
  const set = (key, value) => change(withKey(config, key, value));
  const add = (event) => {
    event.preventDefault();
    if (own.trim()) set(own.trim(), config[own.trim()] ?? "");
    setOwn("");
  };
  return html`<div class="config-form">
    <div class="toolbar"><input type="search" placeholder="Find a key" aria-label="Find a key" value=${text} onInput=${(event) => setText(event.target.value)} />
      <label><input type="checkbox" checked=${isAll} onChange=${(event) => setAll(event.target.checked)} /> all ${declared.length} keys</label></div>
    ${[...groups].map(([group, ones]) => html`<fieldset key=${group} disabled=${disabled}><legend>${plain(group, 80)}</legend>
      ${ones.map((one) => html`<${Field} key=${one.definition.name} of=${one} given=${config[one.definition.name]} errors=${errors.get(one.definition.name)} warnings=${warnings.get(one.definition.name)} set=${set} />`)}</fieldset>`)}
    <fieldset disabled=${disabled}><legend>Other keys</legend>
      ${others.slice(0, SHOWN_MAX).map((key) => html`<${Field} key=${key} of=${{ definition: { name: key, type: /password|secret|token/i.test(key) ? "PASSWORD" : "STRING", documentation: "", display_name: key }, value: { recommended_values: [] } }}
        given=${config[key]} errors=${errors.get(key)} warnings=${warnings.get(key)} set=${set} canRemove />`)}
      <form class="add-key" onSubmit=${add}><input aria-label="Another key" placeholder="another.key" value=${own} onInput=${(event) => setOwn(event.target.value)} /><button type="submit">Add the key</button></form>
    </fieldset>
  </div>`;
}

function Field({ of: { definition, value }, given, errors = [], warnings = [], set }) {
  const key = definition.name;
  const id = `key-${key}`;
  const choices = value.recommended_values ?? [];
  const isSet = given !== undefined;
  const told = { id, value: given ?? "", "aria-describedby": `${id}-doc`, "aria-invalid": errors.length > 0, "aria-required": Boolean(definition.required) };
  const put = (event) => set(key, event.target.value);
  const isChoice = definition.type === "BOOLEAN" || (choices.length > 0 && choices.length <= 30 && definition.type !== "LIST" && (!isSet || given === "" || choices.includes(given)));
  return html`<div class=${`field ${errors.length ? "wrong" : ""} ${isSet ? "set" : ""}`}>
    <div class="field-head"><label for=${id} class="mono">${plain(key, 200)}</label>${definition.required && errors.length > 0 && html`<span class="tag">required</span>`}
      ${isSet && html`<button type="button" class="quiet-button small" aria-label=${`Remove ${plain(key, 200)}`} onClick=${() => set(key, null)}>remove</button>`}</div>
    ${isChoice
      ? html`<select ...${told} onChange=${(event) => set(key, event.target.value === "" ? null : event.target.value)}><option value="">${definition.default_value !== null && definition.default_value !== undefined ? `default: ${plain(definition.default_value, 80)}` : "not set"}</option>
          ${(choices.length ? choices : ["true", "false"]).map((one) => html`<option value=${one}>${plain(one, 200)}</option>`)}</select>`
      : definition.type === "PASSWORD"
        ? html`<input type="password" autocomplete="new-password" ...${told} onInput=${put} />`
        : html`<input type="text" spellcheck=${false} placeholder=${definition.default_value ?? ""} list=${choices.length ? `${id}-list` : undefined} ...${told} onInput=${put} />
          ${choices.length > 0 && html`<datalist id=${`${id}-list`}>${choices.slice(0, 200).map((one) => html`<option value=${one} />`)}</datalist>`}`}
    ${errors.map((text) => html`<p class="bad-text" role="alert">${plain(text, 600)}</p>`)}
    ${warnings.map((text) => html`<p class="warn-text">${plain(text, 600)}</p>`)}
    <p id=${`${id}-doc`} class="quiet doc">${plain(definition.documentation, 600)}</p>
  </div>`;
}
