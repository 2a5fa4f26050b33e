// Times, ages and figures as they are shown; `useNow` draws what shows an age.
import { useEffect, useState } from "../vendor/htm-preact.js";

const pad = (n, digits = 2) => String(n).padStart(digits, "0");

/** "14:03:07" of today, else with the day; local time. Who writes a record may give it a time that no calendar has. */
export function clock(ms) {
  const at = new Date(typeof ms === "number" ? ms : NaN);
  if (Number.isNaN(at.getTime())) return "–";
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  return at.toDateString() === new Date().toDateString() ? time : `${day(at)} ${time}`;
}

const day = (at) => `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;

/** With milliseconds and the zone of UTC, for texts that travel. */
export const iso = (ms) => new Date(ms).toISOString();

/** "4 s", "12 min", "3 h", "5 d". */
export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

/** Milliseconds since the epoch, drawn anew every `stepMs`. */
export function useNow(stepMs = 1000) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), stepMs);
    return () => clearInterval(timer);
  }, [stepMs]);
  return now;
}

/** A count in few characters: 950, 12.4k, 3.1M; null is "–". */
export function figure(n, digits = 1) {
  if (n === null || n === undefined || Number.isNaN(n)) return "–";
  const size = Math.abs(n);
  for (const [unit, letter] of [[1e9, "G"], [1e6, "M"], [1e4, "k"]]) {
    if (size >= unit) return `${(n / (letter === "k" ? 1e3 : unit)).toFixed(digits)}${letter}`;
  }
  return size && size < 10 && n % 1 ? n.toFixed(digits) : Math.round(n).toLocaleString("en");
}

/** Bytes in few characters. */
export function bytes(n) {
  if (n === null || n === undefined) return "–";
  if (n < 1024) return `${n} B`;
  return n < 1048576 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1048576).toFixed(1)} MiB`;
}
