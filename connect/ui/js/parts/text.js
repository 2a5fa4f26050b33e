// Texts as they are shown. They come from records, configs and exceptions of others: characters that turn the writing
// direction, hide, or move the cursor are shown by their numbers, so that what is read is what is there.

const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\udb40[\udc00-\udfff]/g;
const SHOWN_MAX = 20000;

const number = (found) => `\\u{${found.codePointAt(0).toString(16)}}`;

/** A text that may be shown, of at most `max` characters; newlines stay, for elements that keep them. */
export function plain(value, max = SHOWN_MAX) {
  const text = typeof value === "string" ? value : value === null || value === undefined ? "" : String(value);
  const cut = text.length > max ? `${text.slice(0, max)}… (${(text.length - max).toLocaleString("en")} more characters)` : text;
  return cut.replace(HIDDEN, number);
}

/** The first line of a text, for one line of a table. */
export const oneLine = (value, max = 300) => plain(String(value ?? "").split("\n", 1)[0], max).replaceAll("\t", " ");

/** "1 task", "2 tasks". */
export const count = (n, noun, many = `${noun}s`) => `${n.toLocaleString("en")} ${n === 1 ? noun : many}`;

/** A class without its packages: "MaskField$Value". */
export const shortClass = (name) => plain(name ?? "").split(".").pop();
