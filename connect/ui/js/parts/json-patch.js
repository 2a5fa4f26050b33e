// What turns one JSON value into another, as RFC 6902 has it.
import { hasMembers } from "./json.js";

const part = (key) => String(key).replaceAll("~", "~0").replaceAll("/", "~1");
const isObject = (value) => hasMembers(value) && !Array.isArray(value);
const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** The operations; a list that differs is replaced whole, and what is the same is left alone, byte for byte. */
export function patchOf(before, after, path = "") {
  if (isSame(before, after)) return [];
  if (!isObject(before) || !isObject(after)) return [{ op: "replace", path, value: after }];
  const removed = Object.keys(before).filter((key) => !Object.hasOwn(after, key)).map((key) => ({ op: "remove", path: `${path}/${part(key)}` }));
  const others = Object.keys(after).flatMap((key) => (Object.hasOwn(before, key) ? patchOf(before[key], after[key], `${path}/${part(key)}`) : [{ op: "add", path: `${path}/${part(key)}`, value: after[key] }]));
  return [...removed, ...others];
}
