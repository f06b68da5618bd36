// Limits on what one expression may build. V8's own memory limit is looked at only when it collects
// garbage, which is too late for a single text of hundreds of megabytes.
export const TEXT_LIMIT = 1_000_000;
export const RESULT_DEPTH = 60;

export class TooLarge extends Error {}

/** The value itself, unless it is a text longer than any honest expression makes. */
export function limited(value) {
  if (typeof value === "string" && value.length > TEXT_LIMIT) {
    throw new TooLarge("The expression makes a text that is too long.");
  }
  return value;
}

/** Refuse a text of this many characters before it is built. */
export function limitLength(length) {
  if (length > TEXT_LIMIT) throw new TooLarge("The expression makes a text that is too long.");
}
