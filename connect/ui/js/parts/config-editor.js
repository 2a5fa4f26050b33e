// The editor of a config: one text, a form over the same text, what is wrong with it while it is written, a preview
// beside it, and the plan before it is sent.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/htm-preact.js";
import { call, curl, get, getWithTag, url } from "../api.js";
import { ActionBar, useCanChange } from "./actionbar.js";
import { ConfigForm } from "./config-form.js";
import { asDebeziumServer, asJson, asProperties, changesOf, download, isOfDebezium, read } from "./configtext.js";
import { Diff } from "./diff.js";
import { Dialog, openDialog } from "./dialog.js";
import { ErrorBox } from "./errors.js";
import { useLoaded } from "./loaded.js";
import { onReturn } from "../live.js";
import { Preview } from "./preview.js";
import { count, plain, shortClass } from "./text.js";
import { TextArea } from "./textarea.js";

const CHECK_AFTER_MS = 350;
const CONFIG_AT_ONCE = 16;

const validatePath = (config) => url`/v1/connector-plugins/${config["connector.class"]}/config/validate`;
const group = (list) => list.reduce((found, [key, text]) => found.set(key, [...(found.get(key) ?? []), text]), new Map());

/**
 * `start` is `{name, config, etag}`; of a new connector `etag` is null and the name may be empty. `saved(name)` is called
 * once it was sent.
 */
export function ConfigEditor({ start, saved }) {
  const [base, setBase] = useState(start);
  const [text, setText] = useState(() => asJson(start.config));
  const [name, setName] = useState(start.name ?? "");
  const [isForm, setForm] = useState(false);
  const [select, setSelect] = useState(null);
  const [took, setTook] = useState(null);
  const [isPreviewing, setPreviewing] = useState(false);
  const canChange = useCanChange();
  const isNew = base.etag === null;
  const found = useMemo(() => read(text), [text]);
  const config = found.config;
  const checked = useChecked(canChange ? config : null, name);
  const plugins = useLoaded((signal) => get("/connector-plugins", { connectorsOnly: "false" }, { signal }), []);
  const problems = problemsOf(found, checked, name, isNew);
  const isBusy = useRef(false);

  useEffect(() => {
    const isChanged = text !== asJson(base.config);
    const warn = (event) => isChanged && event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [text, base]);

  const put = (next) => setText(asJson(next));
  const taken = (one, told) => {
    if (isNew && one.name) setName(one.name);
    put(one.config);
    setTook(told);
  };
  const parse = async (pasted) => {
    setTook({ isBusy: true });
    try {
      const told = await call("POST", "/v1/configs/parse", { body: { text: pasted } });
      if (told.connectors.length === 1) taken(told.connectors[0], told);
      else setTook({ ...told, choose: taken });
      return null;
    } catch (failure) {
      setTook({ failure, pasted });
      return failure;
    }
  };
  const onPaste = (event) => {
    const pasted = event.clipboardData?.getData("text/plain") ?? "";
    const area = event.target;
    const isAll = area.selectionEnd - area.selectionStart >= area.value.trim().length || area.value.trim() === "{}" || (isNew && text === asJson(start.config));
    // A word or a line is text as any other; a whole config in the place of all is looked at.
    if (!isAll || !/[=:\n]/.test(pasted) || pasted.length < 12) return;
    event.preventDefault();
    parse(pasted);
  };
  const save = async () => {
    if (isBusy.current || !config) return;
    isBusy.current = true;
    const mine = withoutName(config);
    const result = await openDialog((close) => html`<${Plan} name=${name.trim()} config=${mine} base=${base} close=${close} />`);
    isBusy.current = false;
    if (result?.saved) saved(name.trim());
    else if (result?.merged) {
      setBase(result.base);
      put(result.merged);
      setTook(null);
    }
  };
  const names = isNew ? html`<label class="name-field">Name <input value=${name} aria-invalid=${!name.trim()} placeholder="orders-to-files" spellcheck=${false} onInput=${(event) => setName(event.target.value)} /></label>` : null;
  const planPath = url`/v1/connectors/${name.trim() || "NAME"}/config`;
  return html`<div class=${`editor ${isPreviewing ? "beside" : ""}`}>
    <div>
      <div class="toolbar">${names}
        ${canChange && html`<div class="chips" role="group" aria-label="How it is edited">
          <button type="button" class="chip" aria-pressed=${!isForm} onClick=${() => setForm(false)}>JSON</button>
          <button type="button" class="chip" aria-pressed=${isForm} disabled=${!config} title=${config ? undefined : "Mend the JSON first"} onClick=${() => setForm(true)}>Form</button></div>`}
        <span class="quiet shown">${config?.["connector.class"] ? shortClass(config["connector.class"]) : ""}</span>
        ${canChange && html`<button type="button" onClick=${() => pasteDialog(parse)}>Paste anything</button>`}
        <${Download} name=${name} config=${config} />
        ${canChange && html`<button type="button" aria-pressed=${isPreviewing} disabled=${!config} onClick=${() => setPreviewing(!isPreviewing)}>Preview</button>`}
      </div>
      <${Took} took=${took} />
      ${plugins.failure && html`<${ErrorBox} failure=${plugins.failure} what="The plugins could not be loaded, so their names are not offered" retry=${plugins.reload} />`}
      ${isForm && config
        ? html`<${ConfigForm} config=${config} keys=${checked.told?.configs ?? []} errors=${group(problems.filter((one) => one.kind === "bad").map((one) => [one.key, one.text]))}
            warnings=${group(problems.filter((one) => one.kind === "warn").map((one) => [one.key, one.text]))} change=${put} disabled=${!canChange} />`
        : html`<${TextArea} value=${text} onInput=${setText} onPaste=${onPaste} label="Config" describedBy="problems" select=${select} readOnly=${!canChange}
            marks=${problems.filter((one) => one.line).map((one) => ({ line: one.line, kind: one.kind, text: one.text }))} offer=${(all, at, isAsked) => offer(all, at, isAsked, checked.told, plugins.data)} />
          ${canChange && html`<p class="quiet keys-hint">Ctrl+Space offers keys and values.</p>`}`}
      <${Problems} problems=${problems} checked=${checked} hasClass=${Boolean(config?.["connector.class"])} go=${(line) => {
        setForm(false);
        setSelect({ line });
      }} />
      <${ActionBar} label="Save" actions=${[{ label: isNew ? "Review and create" : "Review and save", isPrimary: true, disabled: !config || !name.trim() || (!isNew && text === asJson(base.config)), command: curl("PUT", planPath, config ? withoutName(config) : {}), onClick: save }]} />
    </div>
    ${isPreviewing && config && html`<${Preview} config=${{ ...config, name: name.trim() || "preview" }} name=${isNew ? null : name} close=${() => setPreviewing(false)} />`}
  </div>`;
}

const withoutName = (config) => Object.fromEntries(Object.entries(config).filter(([key]) => key !== "name"));

/** What the worker says of a config while it is written: `{told, failure, isBusy}`; told stays while it is asked again. */
function useChecked(config, name) {
  const [state, setState] = useState({ told: null, failure: null, isBusy: false });
  const [turn, setTurn] = useState(0);
  const asked = config?.["connector.class"] ? JSON.stringify([config, name]) : null;
  const hasFailed = state.failure !== null;
  useEffect(() => (hasFailed ? onReturn(() => setTurn((n) => n + 1)) : undefined), [hasFailed]);
  useEffect(() => {
    // What was told stays while the text is no JSON, as in the middle of a word: its keys are offered.
    if (asked === null) return setState((old) => ({ ...old, failure: null, isBusy: false }));
    const giving = new AbortController();
    setState((old) => ({ ...old, isBusy: true }));
    const timer = setTimeout(async () => {
      try {
        const told = await call("PUT", validatePath(config), { body: { ...config, name: name.trim() || "new" }, signal: giving.signal });
        setState({ told, failure: null, isBusy: false });
      } catch (failure) {
        if (failure.name !== "AbortError") setState((old) => ({ told: failure.status === 400 || failure.status === 404 ? null : old.told, failure, isBusy: false }));
      }
    }, CHECK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      giving.abort();
    };
  }, [asked, turn]);
  return { ...state, again: () => setTurn(turn + 1) };
}

/** What is wrong, and what is likely to be: `{kind, key, text, line}`. */
function problemsOf(found, checked, name, isNew) {
  const problems = found.twice.map(({ key, line }) => ({ kind: "warn", key, line, text: `${key} is given twice; the last one counts` }));
  if (found.error) return [{ kind: "bad", key: null, ...found.error }, ...problems];
  if (isNew && !name.trim()) problems.push({ kind: "bad", key: "name", line: null, text: "Give the connector a name." });
  if (!found.config["connector.class"]) problems.push({ kind: "bad", key: "connector.class", line: null, text: "connector.class says which plugin runs; it is missing." });
  const told = found.config["connector.class"] ? checked.told : null;
  for (const { value } of told?.configs ?? []) {
    if (value.name === "name") continue;
    for (const text of value.errors ?? []) problems.push({ kind: "bad", key: value.name, line: found.lines.get(value.name) ?? null, text });
  }
  for (const { key, message } of told?.warnings ?? []) problems.push({ kind: "warn", key, line: found.lines.get(key) ?? null, text: message });
  return problems;
}

function Problems({ problems, checked, hasClass, go }) {
  const bad = problems.filter((one) => one.kind === "bad").length;
  const said = bad ? count(bad, "error") : problems.length ? "" : hasClass && checked.told && !checked.failure ? "Nothing is wrong with it." : "";
  return html`<section id="problems" class="problems" aria-live="polite" aria-label="Problems">
    <p class=${bad ? "bad-text" : "quiet"}>${said}${problems.length - bad > 0 ? `${said ? ", " : ""}${count(problems.length - bad, "warning")}` : ""}${checked.isBusy ? html`<span class="quiet"> checking…</span>` : ""}</p>
    ${checked.failure && html`<${ErrorBox} failure=${checked.failure} what="It could not be checked" retry=${checked.again} />`}
    <ul>${problems.slice(0, 100).map((one) => html`<li class=${one.kind}><span class="sign" aria-hidden="true">${one.kind === "bad" ? "✕" : "▲"}</span>
      ${one.line ? html`<button type="button" class="link" onClick=${() => go(one.line)}>line ${one.line}</button>` : html`<span class="nowhere"></span>`}
      <span>${one.key && html`<span class="mono">${plain(one.key, 200)}</span>${" "}`}${plain(one.text, 1000)}</span></li>`)}</ul>
  </section>`;
}

/** In a longer line nothing is offered: what looks through it would take the browser's whole stack. */
const LINE_MAX = 1 << 14;

/** What could stand at the cursor: keys at the begin of a line, values behind one. */
function offer(text, at, isAsked, told, plugins) {
  const start = text.lastIndexOf("\n", at - 1) + 1;
  const stop = text.indexOf("\n", at);
  if ((stop < 0 ? text.length : stop) - start > LINE_MAX) return null;
  const before = text.slice(start, at);
  const rest = text.slice(at).split("\n", 1)[0];
  const value = /"((?:[^"\\]|\\.)*)"\s*:\s*"((?:[^"\\]|\\.)*)$/.exec(before);
  const fits = (one, typed) => one.toLowerCase().includes(typed.toLowerCase()) && one !== typed;
  if (value) {
    const [, key, typed] = value;
    if (!typed && !isAsked) return null;
    const info = told?.configs.find((one) => one.value.name === key);
    const classes = key === "connector.class" ? ["source", "sink"] : /converter$/.test(key) ? ["converter", "header_converter"] : /^transforms\..*\.type$/.test(key) ? ["transformation"] : /^predicates\..*\.type$/.test(key) ? ["predicate"] : null;
    const all = classes ? (plugins ?? []).filter((one) => classes.includes(one.type)).map((one) => one.class) : info?.definition?.type === "BOOLEAN" ? ["true", "false"] : info?.value.recommended_values ?? [];
    const end = at + (/^(?:[^"\\]|\\.)*/.exec(rest)?.[0].length ?? 0);
    return { from: at - typed.length, to: end, items: all.filter((one) => fits(one, typed)).map((one) => ({ text: JSON.stringify(one).slice(1, -1), note: "" })) };
  }
  const key = /^\s*("?)([\w.$-]*)$/.exec(before);
  if (!key || (!key[2] && !isAsked)) return null;
  const [, quote, typed] = key;
  const known = (told?.configs ?? []).filter((one) => one.definition).map((one) => one.definition);
  const all = known.length ? known : [{ name: "connector.class", documentation: "Which plugin runs." }];
  const from = at - typed.length - quote.length;
  const to = at + (/^[\w.$-]*"?/.exec(rest)?.[0].length ?? 0);
  const isWhole = /^[\w.$-]*"?\s*:/.test(rest);
  const behind = text.slice(to);
  // What is behind it on the line moves to the next one.
  const end = /^\s*[}\s]*$/.test(behind) ? "" : behind.split("\n", 1)[0].trim() ? ",\n  " : ",";
  return {
    from, to,
    items: all.filter((one) => fits(one.name, typed) && !text.includes(`"${one.name}"`)).sort((a, b) => Number(!a.name.startsWith(typed)) - Number(!b.name.startsWith(typed)) || Number(Boolean(b.required)) - Number(Boolean(a.required)))
      .map((one) => (isWhole ? { text: `"${one.name}"`, note: one.documentation } : { text: `"${one.name}": ""${end}`, shown: one.name, back: end.length + 1, note: one.documentation })),
  };
}

// -- pasting and taking along ----------------------------------------------------------------------------------------

function pasteDialog(parse) {
  openDialog((close) => html`<${PasteDialog} parse=${parse} close=${close} />`);
}

function PasteDialog({ parse, close }) {
  const [text, setText] = useState("");
  const [state, setState] = useState({});
  const take = async () => {
    setState({ isBusy: true });
    const failure = await parse(text);
    if (failure) setState({ failure });
    else close();
  };
  return html`<${Dialog} title="Paste anything" wide onClose=${() => close()}>
    <p class="quiet">JSON of any form, .properties, Debezium Server's application.properties, YAML of Kubernetes, records of a config topic, a command of curl.</p>
    <textarea class="paste" rows="12" spellcheck=${false} aria-label="Text" value=${text} onInput=${(event) => setText(event.target.value)}></textarea>
    ${state.failure && html`<${ErrorBox} failure=${state.failure} what="This could not be read" />`}
    <footer class="dialog-foot"><button type="button" onClick=${() => close()}>Leave it</button>
      <button type="button" class="primary" disabled=${state.isBusy || !text.trim()} onClick=${take}>Read it</button></footer>
  <//>`;
}

function Took({ took }) {
  if (!took) return null;
  if (took.isBusy) return html`<p class="quiet" aria-busy="true">Reading what was pasted…</p>`;
  if (took.failure) return html`<${ErrorBox} failure=${took.failure} what="What was pasted could not be read" />`;
  return html`<div class="took" role="status"><p>Took it for <strong>${plain(took.took_it_for, 300)}</strong>.</p>
    ${took.notes.length > 0 && html`<ul>${took.notes.slice(0, 30).map((one) => html`<li>${plain(one, 500)}</li>`)}</ul>`}
    ${took.choose && (took.connectors.length === 0 ? html`<p>There is no connector in it.</p>` : html`<p>Which one?</p><div class="actions">${took.connectors.slice(0, 200).map((one) => html`<button type="button" class="small"
      onClick=${() => took.choose(one, { ...took, choose: null })}>${plain(one.name || "without a name", 100)}</button>`)}</div>`)}</div>`;
}

function Download({ name, config }) {
  if (!config) return null;
  const own = withoutName(config);
  const called = name.trim() || "connector";
  const take = (kind) => {
    if (kind === "json") download(`${called}.json`, `${asJson({ name: called, ...own })}\n`);
    if (kind === "nested") download(`${called}.json`, `${asJson({ name: called, config: own })}\n`);
    if (kind === "properties") download(`${called}.properties`, asProperties(called, own), "text/plain");
    if (kind === "debezium") download("application.properties", asDebeziumServer(own), "text/plain");
  };
  return html`<select class="download" aria-label="Download" value="" onChange=${(event) => {
    take(event.target.value);
    event.target.value = "";
  }}><option value="">Download…</option><option value="json">JSON</option><option value="nested">${"{name, config}"}</option><option value="properties">.properties</option>${isOfDebezium(own) && html`<option value="debezium">Debezium Server</option>`}</select>`;
}

// -- the plan --------------------------------------------------------------------------------------------------------

/** Closes with `{saved}`, or with `{merged, base}` where somebody else was faster and both were put together. */
function Plan({ name, config, base, close }) {
  const isNew = base.etag === null;
  const path = url`/v1/connectors/${name}/config`;
  const plan = useLoaded((signal) => call("PUT", `${path}/plan`, { body: config, signal }), []);
  const check = useLoaded((signal) => call("PUT", validatePath(config), { body: { ...config, name }, query: { check: "true" }, signal, timeoutMs: 60000 }), []);
  const [state, setState] = useState({});
  const etag = isNew ? null : base.etag;
  const isOvertaken = plan.data && (isNew ? plan.data.etag !== null : plan.data.etag !== etag);
  const send = async () => {
    setState({ isBusy: true });
    try {
      await call("PUT", path, { body: config, headers: isNew ? { "If-None-Match": "*" } : { "If-Match": etag } });
      close({ saved: true });
    } catch (failure) {
      setState({ failure });
    }
  };
  if (isOvertaken || state.failure?.status === 412) return html`<${Overtaken} name=${name} config=${config} base=${base} close=${close} />`;
  const warnings = check.data?.warnings ?? [];
  return html`<${Dialog} title=${isNew ? `Create ${name}` : `Change ${name}`} wide onClose=${() => close()}>
    ${plan.failure && html`<${ErrorBox} failure=${plan.failure} what="It would be refused" retry=${plan.reload} />`}
    ${!plan.data && !plan.failure && html`<p class="quiet loading" aria-busy="true">Looking what it would do…</p>`}
    ${plan.data && html`<p><strong>${plan.data.action === "nothing" ? "Nothing would change." : isNew ? "A new connector." : plan.data.restarts === null ? "Nothing restarts." : `The connector and ${count(plan.data.restarts, "task")} restart.`}</strong></p>
      <${Diff} changes=${plan.data.changes} titles=${isNew ? ["Now", "Then"] : ["Now", "Then"]} />`}
    ${check.failure && html`<${ErrorBox} failure=${check.failure} what="What is outside could not be looked at" />`}
    ${!check.data && !check.failure && html`<p class="quiet">Looking outside: does the server answer, is the table there…</p>`}
    ${check.data && html`<p class="quiet">${check.data.checked ? `Looked outside: ${warnings.length ? count(warnings.length, "warning") : "nothing is missing"}.` : ""}</p>
      <ul class="problems">${warnings.slice(0, 50).map((one) => html`<li class="warn"><span class="sign" aria-hidden="true">▲</span><span><span class="mono">${plain(one.key, 200)}</span> ${plain(one.message, 800)}</span></li>`)}</ul>`}
    ${state.failure && html`<${ErrorBox} failure=${state.failure} what="It was not saved" />`}
    <footer class="dialog-foot"><button type="button" onClick=${() => close()}>Leave it</button>
      <button type="button" class="primary" disabled=${state.isBusy || !plan.data || plan.data.action === "nothing"} onClick=${send}>${state.isBusy ? "…" : isNew ? "Create it" : "Save it"}</button></footer>
  <//>`;
}

/** Somebody else changed it meanwhile: both changes, and the ways out. */
function Overtaken({ name, config, base, close }) {
  const now = useLoaded(() => getWithTag(url`/v1/connectors/${name}/config`), []);
  const theirs = now.data && withoutName(now.data.data);
  const was = withoutName(base.config);
  const merge = () => {
    const merged = { ...theirs };
    for (const { key, after } of base.etag === null ? [] : changesOf(was, config)) {
      if (after === null) delete merged[key];
      else merged[key] = after;
    }
    close({ merged: base.etag === null ? config : merged, base: { name, config: theirs, etag: now.data.etag } });
  };
  const mine = changesOf(was, config);
  const other = now.data ? changesOf(was, theirs) : [];
  const both = other.filter((one) => mine.some((own) => own.key === one.key && own.after !== one.after));
  return html`<${Dialog} title="Somebody else was faster" wide onClose=${() => close()}>
    <p>${base.etag === null ? `There is a connector ${plain(name, 100)} already.` : `${plain(name, 100)} was changed since you opened it. Nothing was saved.`}</p>
    ${now.failure && html`<${ErrorBox} failure=${now.failure} what="The config that is there now could not be loaded" retry=${now.reload} />`}
    ${now.data && html`<h3>Theirs</h3><${Diff} changes=${other} titles=${["When you opened it", "Now"]} label="Their changes" />
      <h3>Yours</h3><${Diff} changes=${mine} titles=${["When you opened it", "Yours"]} label="Your changes" />
      ${both.length > 0 && html`<p class="warn-text">Both changed ${both.map((one) => plain(one.key, 100)).slice(0, CONFIG_AT_ONCE).join(", ")}; yours would stand.</p>`}`}
    <footer class="dialog-foot"><button type="button" onClick=${() => close()}>Back to my text</button>
      <button type="button" disabled=${!now.data} onClick=${() => close({ merged: theirs, base: { name, config: theirs, etag: now.data.etag } })}>Take theirs</button>
      <button type="button" class="primary" disabled=${!now.data} onClick=${merge}>Put mine on top of theirs</button></footer>
  <//>`;
}
