// The first tab of a connector: the way of its records, why it failed, its tasks, and what failed before.
import { html, useMemo, useRef, useState } from "../vendor/htm-preact.js";
import { call, curl, get, url } from "../api.js";
import { actAndSay, commandOf } from "../actions.js";
import { ActionBar } from "../parts/actionbar.js";
import { Badge } from "../parts/badge.js";
import { CopyButton } from "../parts/copy.js";
import { ErrorBox, Loaded, useIsNews } from "../parts/errors.js";
import { useLoaded } from "../parts/loaded.js";
import { Pre } from "../parts/pre.js";
import { stageName, StepView } from "../parts/record.js";
import { say } from "../parts/toast.js";
import { count, oneLine, plain, shortClass } from "../parts/text.js";
import { clock, figure, iso, span, useNow } from "../parts/time.js";
import { href } from "../router.js";

const SAMPLES_MS = 2000;
const RECORDS = 5;
const TOPICS_SHOWN = 5;

export const view = Overview;

function Overview({ name, row }) {
  const status = useLoaded((signal) => get(url`/connectors/${name}/status`, {}, { signal }), [name, row.state, row.worst, row.tasks.total], 5000);
  const failures = useLoaded((signal) => get(url`/v1/connectors/${name}/failures`, {}, { signal }), [name, row.worst, row.failed_since, row.restarts], 10000);
  const about = useLoaded((signal) => get(url`/v1/connectors/${name}`, {}, { signal }), [name], 5000);
  const topics = useLoaded((signal) => get(url`/connectors/${name}/topics`, {}, { signal }), [name], 15000);
  return html`
    ${row.worst === "FAILED" && html`<${Failed} name=${name} row=${row} failures=${failures} status=${status.data} />`}
    ${row.next_restart && html`<${NextRestart} name=${name} next=${row.next_restart} />`}
    <${Waits} waits=${about.data?.waits ?? {}} />
    <${Stages} name=${name} row=${row} topics=${topics.data?.[name]?.topics ?? null} />
    <div class="columns">
      <${Loaded} of=${status} what="The tasks could not be loaded">${(told) => html`<${Tasks} name=${name} status=${told} />`}<//>
      <${About} name=${name} row=${row} about=${about} topics=${topics} />
    </div>
    <section class="card"><h2>Last failures</h2>
      <${Loaded} of=${failures} what="The failures could not be loaded">${(told) => html`<${Before} failures=${told.failures} />`}<//></section>
  `;
}

// -- the way of the records ------------------------------------------------------------------------------------------

function Stages({ name, row, topics }) {
  const [isFrozen, freeze] = useState(false);
  const [chosen, choose] = useState(null);
  const samples = useLoaded((signal) => (isFrozen ? Promise.reject(new DOMException("", "AbortError")) : get(url`/v1/connectors/${name}/samples`, { records: RECORDS }, { signal })), [name, isFrozen], isFrozen ? 0 : SAMPLES_MS);
  const kept = useRef(null);
  if (samples.data) kept.current = samples.data;
  const told = samples.data ?? kept.current;
  const rates = useRates(told, samples.at);
  const isNews = useIsNews({ ...samples, data: told ?? undefined });
  if (!told) {
    return html`<section class="card"><h2>The way of the records</h2>${samples.failure
      ? html`<${ErrorBox} failure=${samples.failure} what="The stages could not be loaded" retry=${samples.reload} />`
      : html`<p class="quiet loading" aria-busy="true">Loading…</p>`}</section>`;
  }
  return html`<section class="card" aria-label="The way of the records">
    <div class="card-head"><h2>The way of the records</h2>
      ${told.stages.length > 0 && html`<span class="quiet">${isFrozen ? "frozen" : "sampled while you look"}</span>
        <button type="button" class="small" aria-pressed=${isFrozen} onClick=${() => freeze(!isFrozen)}>${isFrozen ? "Go on" : "Freeze"}</button>`}</div>
    ${isNews && html`<${ErrorBox} failure=${samples.failure} what="The samples could not be loaded" retry=${samples.reload} />`}
    ${told.stages.length === 0 && html`<p class="quiet">${NO_WAY[row.worst] ?? "No task has begun yet."}</p>`}
    <ol class="stages">${told.stages.map((stage, i) => html`<li key=${i}>
      <button type="button" class="stage" aria-expanded=${chosen === i} title=${plain(stage.plugin)} onClick=${() => choose(chosen === i ? null : i)}>
        <span class="stage-name">${plain(stageName(stage, row.type), 60)}</span>
        <span class="quiet">${plain(stage.stage === "topic" ? topicsOf(topics) : shortClass(stage.plugin) || " ", 80)}</span>
        <span class="stage-figures">${figure(rates[i])}/s${stage.dropped > 0 && html` · <span class="warn-text">${figure(stage.dropped)} dropped</span>`}${stage.failed > 0 && html` · <span class="bad-text">${figure(stage.failed)} failed</span>`}</span>
      </button></li>`)}</ol>
    ${chosen !== null && told.stages[chosen] && html`<${Samples} stage=${told.stages[chosen]} walks=${told.walks} type=${row.type} topics=${topics} missing=${told.not_sampled ?? []} />`}
  </section>`;
}

const NO_WAY = {
  STOPPED: "It is stopped: no record goes by until it is resumed.",
  PAUSED: "It is paused, and no task has begun: no record goes by until it is resumed.",
  FAILED: "It failed before any record came by.",
};

const topicsOf = (topics) => (!topics?.length ? " " : topics.length === 1 ? topics[0] : `${topics.length.toLocaleString("en")} topics`);

/** Records a second at each stage, between one answer and the next. */
function useRates(told, at) {
  const last = useRef({ told: null, at: 0, rates: [] });
  return useMemo(() => {
    const before = last.current;
    const passed = (at - before.at) / 1000;
    const rates = (told?.stages ?? []).map((stage, i) => {
      const old = before.told?.stages[i]?.seen;
      return old === undefined || passed <= 0 ? before.rates[i] ?? null : Math.max(0, stage.seen - old) / passed;
    });
    last.current = { told, at, rates };
    return rates;
  }, [told]);
}

function Samples({ stage, walks, type, topics, missing }) {
  const isEnd = type === "source" && stage.stage === "topic";
  const found = walks.map((walk) => {
    const at = walk.steps.findIndex((step) => step.stage === stage.stage && step.alias === stage.alias);
    return at < 0 ? null : { walk, step: walk.steps[at], before: at ? walk.steps[at - 1].records : [] };
  }).filter(Boolean);
  return html`<div class="samples" role="region" aria-label=${`Records at ${plain(stageName(stage, type), 60)}`}>
    ${stage.stage === "topic" && topics?.length > 0 && html`<p>Look into ${topics.slice(0, TOPICS_SHOWN).map((topic, i) => html`${i ? ", " : ""}<a class="mono" href=${topicPath(topic)}>${plain(topic, 250)}</a>`)}${topics.length > TOPICS_SHOWN ? ` or ${count(topics.length - TOPICS_SHOWN, "more", "more")}` : ""}</p>`}
    <p class="quiet">${isEnd ? `${stage.seen.toLocaleString("en")} were written` : html`Sampled ${found.length} of ${stage.seen.toLocaleString("en")}${stage.dropped ? `, ${stage.dropped.toLocaleString("en")} dropped` : ""}`}</p>
    ${found.length === 0 && !isEnd && html`<p>No record has come by here since you look.</p>`}
    ${[...byCause(missing.map((one) => [one.why, one.task]))].slice(0, 5).map(([why, tasks]) => html`<p key=${why} class="quiet">Nothing is looked at of ${whichTasks(tasks)}: ${plain(why, 200)}.</p>`)}
    ${found.map(({ walk, step, before }) => html`<article key=${`${walk.task}/${walk.index}/${walk.offset}`}>
      <p class="quiet">${walk.at ? clock(walk.at) : ""} task ${walk.task}${walk.offset !== null && walk.offset !== undefined ? ` · ${plain(walk.topic)}-${walk.partition} @ ${walk.offset}` : ""}</p>
      <${StepView} before=${before} step=${step} /></article>`)}
  </div>`;
}

const topicPath = (topic) => href(`/topics/${encodeURIComponent(topic)}`);

// -- why it failed ---------------------------------------------------------------------------------------------------

/** What failed, of the failures that are kept; of one from before they were kept, what the status says. */
function current(failures, status) {
  const parts = status ? [{ ...status.connector, id: null }, ...status.tasks].filter((part) => part.state === "FAILED") : [];
  const kept = (failures ?? []).toSorted((a, b) => b.at - a.at);
  const found = parts.map((part) => kept.find((one) => one.task === part.id) ?? {
    at: null, task: part.id, code: null, message: (part.trace ?? "").split("\n")[0], hint: null, details: {},
    java_trace: null, python_trace: part.trace ?? null,
  });
  return found.length ? found : kept.slice(0, 1);
}

function Failed({ name, row, failures, status }) {
  if (failures.failure && !status) return html`<${ErrorBox} failure=${failures.failure} what="Why it failed could not be loaded" retry=${failures.reload} />`;
  if (!failures.data && !failures.failure) return html`<p class="quiet loading" aria-busy="true">Loading…</p>`;
  const found = current(failures.data?.failures, status);
  // Tasks that failed by one cause are one card.
  const causes = byCause(found.map((one) => [one.message, one]));
  return [...causes.values()].slice(0, 5).map((same) => html`<${FailureCard} key=${same[0].message} name=${name} row=${row} failure=${same[0]} tasks=${same.map((one) => one.task)} />`);
}

/** What has the same cause, by it. */
const byCause = (pairs) => pairs.reduce((found, [cause, one]) => found.set(cause, [...(found.get(cause) ?? []), one]), new Map());

const whichTasks = (tasks) => (tasks.includes(null) ? "the connector" : tasks.length === 1 ? `task ${tasks[0]}` : `tasks ${tasks.slice(0, 8).join(", ")}${tasks.length > 8 ? ` and ${tasks.length - 8} more` : ""}`);

function FailureCard({ name, row, failure, tasks }) {
  const details = Object.entries(failure.details ?? {}).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return html`<section class="card failure" aria-label="Why it failed">
    <p class="failure-cause">${plain(failure.message, 2000)}</p>
    ${failure.hint && html`<p class="failure-hint">${plain(failure.hint, 2000)}</p>`}
    <dl class="details">
      <div><dt>what</dt><dd>${whichTasks(tasks)}</dd></div>
      ${failure.at && html`<div><dt>when</dt><dd>${clock(failure.at)}</dd></div>`}
      ${failure.code && html`<div><dt>code</dt><dd class="mono">${plain(failure.code)}</dd></div>`}
      ${details.map(([key, value]) => html`<div key=${key}><dt>${plain(key.replaceAll("_", " "), 60)}</dt><dd class="mono">${plain(typeof value === "object" ? JSON.stringify(value) : value, 500)}</dd></div>`)}
    </dl>
    <${Traces} failure=${failure} />
    <div class="actions">
      <${ActionBar} label="After a failure" actions=${[{ label: "Restart failed", isPrimary: true, command: commandOf("restart-failed", name), onClick: () => actAndSay("restart-failed", name) }]} />
      <${CopyButton} text=${() => report(name, row, failure, tasks)}>Copy as a bug report<//>
    </div>
  </section>`;
}

const Traces = ({ failure }) => html`
  ${failure.java_trace && html`<details><summary>Trace as Kafka Connect has it</summary><${Pre} text=${failure.java_trace} label="Trace as Kafka Connect has it" /></details>`}
  ${failure.python_trace && html`<details><summary>Python frames</summary><${Pre} text=${failure.python_trace} label="Python frames" /></details>`}`;

function report(name, row, failure, tasks) {
  return [
    `## ${failure.message}`, "",
    `- connector: ${name} (${row.type}, ${row.class}), ${whichTasks(tasks)}`,
    ...(failure.at ? [`- at: ${iso(failure.at)}`] : []), ...(failure.code ? [`- code: ${failure.code}`] : []),
    ...Object.entries(failure.details ?? {}).map(([key, value]) => `- ${key}: ${typeof value === "object" ? JSON.stringify(value) : value}`),
    ...(failure.hint ? ["", failure.hint] : []),
    ...[failure.java_trace, failure.python_trace].filter(Boolean).flatMap((trace) => ["", "```", trace, "```"]), "",
  ].join("\n");
}

function NextRestart({ name, next }) {
  const now = useNow(500);
  return html`<section class="card next-restart" role="status">
    <span><strong>${next.at > now ? `Restarts by itself in ${span(next.at - now)}` : "Restarts now"}</strong>
      <span class="quiet"> attempt ${next.attempt}${next.of ? ` of ${next.of}` : ""}, at ${clock(next.at)}</span></span>
    <${ActionBar} label="Next restart" actions=${[{ label: "Restart now", command: commandOf("restart-failed", name), onClick: () => actAndSay("restart-failed", name) }]} />
  </section>`;
}

/** What tasks cannot go on without, such as a server or a file: of several tasks with the same cause once. */
function Waits({ waits }) {
  const causes = byCause(Object.entries(waits).map(([task, why]) => [why, Number(task)]));
  if (causes.size === 0) return null;
  return html`<section class="card waiting" aria-label="What it waits for">${[...causes].slice(0, 5).map(([why, tasks]) => html`<p key=${why}><strong>It waits: ${plain(why, 1000)}</strong> <span class="quiet">${whichTasks(tasks)}, and goes on by itself</span></p>`)}</section>`;
}

function Before({ failures }) {
  if (failures.length === 0) return html`<p class="quiet">None since the worker started.</p>`;
  return html`<ul class="failures">${failures.toSorted((a, b) => b.at - a.at).map((one) => html`<li key=${`${one.at}/${one.task}`}><details>
    <summary><span class="when">${clock(one.at)}</span> <span class="tag">${one.task === null ? "connector" : `task ${one.task}`}</span>
      <span class="mono quiet">${plain(one.code)}</span> <span class="cause">${oneLine(one.message)}</span>${one.restarted && html` <span class="tag">restarted</span>`}</summary>
    <div class="failure-more"><p>${plain(one.message, 4000)}</p>${one.hint && html`<p class="quiet">${plain(one.hint, 1000)}</p>`}<${Traces} failure=${one} /></div>
  </details></li>`)}</ul>`;
}

// -- tasks, and what else there is to know ---------------------------------------------------------------------------

function Tasks({ name, status }) {
  const restart = (task) => ({ method: "POST", path: url`/connectors/${name}/tasks/${task}/restart` });
  const run = async (task) => {
    try {
      await call(restart(task).method, restart(task).path);
      say("good", `task ${task} of ${name} was restarted`);
    } catch (failure) {
      say("bad", `task ${task} of ${name} was not restarted`, [{ name, text: failure.text, failed: true }]);
    }
  };
  const parts = [{ ...status.connector, id: null }, ...status.tasks];
  return html`<section class="card"><h2>Connector and tasks</h2>
    <ul class="tasks">${parts.map((part) => html`<li key=${part.id ?? "c"}>
      <div class="task"><span class="task-id">${part.id === null ? "connector" : `task ${part.id}`}</span><${Badge} state=${part.state} />
        <span class="quiet">on ${plain(part.worker_id, 80)}${part.version ? ` · version ${plain(part.version, 40)}` : ""}</span>
        ${part.id !== null && html`<${ActionBar} label=${`Task ${part.id}`} actions=${[{ label: "Restart", command: curl(restart(part.id).method, restart(part.id).path), onClick: () => run(part.id) }]} />`}</div>
      ${part.trace && html`<details><summary class="bad-text">${oneLine(part.trace)}</summary><${Pre} text=${part.trace} label=${`Trace of ${part.id === null ? "the connector" : `task ${part.id}`}`} /></details>`}
    </li>`)}</ul>
    ${status.tasks.length === 0 && html`<p class="quiet">It has no tasks now.</p>`}
  </section>`;
}

function About({ name, row, about, topics }) {
  const [isOpen, open] = useState(false);
  const [filter, setFilter] = useState("");
  return html`<section class="card"><h2>About it</h2>
    <${Loaded} of=${about} what="What it promises could not be loaded">${(told) => html`<dl class="details">
      <div><dt>delivery</dt><dd>${plain(told.delivery?.guarantee)}<span class="quiet"> ${plain(told.delivery?.why, 400)}</span></dd></div>
      ${told.rate?.records_per_second && html`<div><dt>limit</dt><dd>${figure(told.rate.records_per_second)} records/s</dd></div>`}
      ${Object.entries(told.gauges ?? {}).flatMap(([task, gauges]) => Object.entries(gauges).map(([key, value]) => html`<div key=${`${task}${key}`}><dt>${plain(key, 80)} <span class="quiet">task ${task}</span></dt><dd>${figure(value)}</dd></div>`))}
    </dl>`}<//>
    <h3>Topics</h3>
    <${Loaded} of=${topics} what="The topics could not be loaded">${(told) => {
      const all = told[name]?.topics ?? [];
      const found = all.filter((topic) => topic.includes(filter));
      return html`
        ${all.length === 0 && html`<p class="quiet">${row.type === "sink" ? "None was read yet." : "None was written yet."}</p>`}
        ${all.length > 20 && isOpen && html`<input type="search" aria-label="Filter the topics" placeholder="Filter" value=${filter} onInput=${(event) => setFilter(event.target.value)} />`}
        <ul class="topics">${(isOpen ? found : all.slice(0, TOPICS_SHOWN)).map((topic) => html`<li key=${topic}><a class="mono" href=${topicPath(topic)}>${plain(topic, 250)}</a></li>`)}</ul>
        ${all.length > TOPICS_SHOWN && html`<button type="button" class="small" aria-expanded=${isOpen} onClick=${() => open(!isOpen)}>${isOpen ? "Fewer" : `and ${count(all.length - TOPICS_SHOWN, "more", "more")}`}</button>`}`;
    }}<//>
  </section>`;
}
