// JSON of others, with its numbers as they are: identifiers of 64 bits and decimals have more digits than JavaScript's.

const LONG = /\d[\d.]{15}/;
const NUMBER = /^-?\d+(\.\d+)?$/;

/**
 * What a text holds. A number that would lose digits is one of `JSON.rawJSON`, which `JSON.stringify` gives back as it was.
 * Throws a SyntaxError.
 */
export function fromJson(text) {
  // To look at each value costs time, and most texts have no such number.
  if (!JSON.rawJSON || !LONG.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_, value, { source } = {}) => (typeof value === "number" && NUMBER.test(source) && source.length >= 16 && String(value) !== source ? JSON.rawJSON(source) : value));
}

/** Whether a value has members: an object or a list, and no number with all of its digits. */
export const hasMembers = (value) => value !== null && typeof value === "object" && !JSON.isRawJSON?.(value);
