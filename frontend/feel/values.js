// Values on their way in and out. Temporal values travel as {<tag>: "<ISO text>"}; the tag is a secret of
// the caller, so that nobody's data can pass for one.
import { DateTime, Duration } from "luxon";
import { isoText, temporal } from "./builtins.js";
import { limitLength, RESULT_DEPTH, TooLarge } from "./limits.js";
import { isPlainName } from "./parsing.js";

/** Read a request. Answers it with whether all its names are plain (see parsing.js). */
export function read(text, tag) {
  let plainNames = true;
  const request = JSON.parse(text, (key, value) => {
    if (key === "__proto__") return undefined;
    if (plainNames && !isPlainName(key)) plainNames = false;
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, tag)) return value;
    return temporal(value[tag]);
  });
  return { request, plainNames };
}

/** The JSON value of what an expression gave. With a tag, temporal values stay recognisable. */
export function plain(value, tag = null, depth = 0) {
  if (depth > RESULT_DEPTH) throw new TooLarge("The result is nested too deeply.");
  switch (typeof value) {
    case "undefined":
      return null;
    case "number":
      return Number.isFinite(value) ? value : null;
    case "string":
      limitLength(value.length);
      return value.toWellFormed();
    case "boolean":
      return value;
  }
  if (value === null) return null;
  if (DateTime.isDateTime(value) || Duration.isDuration(value)) {
    const text = value.isValid ? isoText(value) : null;
    return tag === null || text === null ? text : { [tag]: text };
  }
  if (Array.isArray(value)) return value.map((item) => plain(item, tag, depth + 1));
  if (Object.getPrototypeOf(value) === Object.prototype) {
    const found = Object.create(null);
    for (const [key, item] of Object.entries(value)) found[key] = plain(item, tag, depth + 1);
    return found;
  }
  throw new Error("The result is a function or a range, not a value.");
}
