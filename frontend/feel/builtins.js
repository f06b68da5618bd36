// Corrects a few of feelin's built-in functions: the clock and the time zone come from the caller and
// never from the machine, and texts cannot grow without bound.
import { builtins } from "@bpmn-io/feelin";
import { DateTime, Duration, FixedOffsetZone, Settings, SystemZone } from "luxon";
import { limitLength } from "./limits.js";

/** UTC for instants: feelin takes midnight in luxon's own UTC for a date without a time. */
class InstantZone extends FixedOffsetZone {
  get type() {
    return "instant";
  }

  equals(other) {
    return other === this;
  }
}

const UTC = new InstantZone(0);
Settings.defaultZone = UTC;
Settings.defaultLocale = "en-US";

/** A date and time with an offset: UTC where it has none. */
function instant(value) {
  if (!DateTime.isDateTime(value)) return value;
  if (value.zone === SystemZone.instance) return value.setZone(UTC, { keepLocalTime: true });
  return value.zone === FixedOffsetZone.utcInstance ? value.setZone(UTC) : value;
}

/**
 * The text of a duration. A length in days keeps its days: feelin would make months of thirty days of them.
 */
function durationText(value) {
  const { years = 0, months = 0, ...rest } = value.toObject();
  const short = Object.values(rest).some((amount) => amount !== 0);
  if (!years && !months) return value.shiftTo("days", "hours", "minutes", "seconds").toISO();
  return short ? value.toISO() : value.shiftTo("years", "months").toISO();
}

function override(name, make) {
  const original = builtins[name];
  if (!original) throw new Error(`FEEL has no ${name}()`);
  builtins[name] = Object.assign(make(original), { $args: original.$args });
}

override("today", () => () => DateTime.now().setZone("utc").startOf("day"));
override("string", (original) => (...args) => (Duration.isDuration(args[0]) ? durationText(args[0]) : original(...args)));
override("date and time", (original) => (...args) => instant(original(...args)));
override("@", (original) => (text) => {
  const value = original(text);
  return typeof text === "string" && text.includes("T") ? instant(value) : value;
});

override("string join", (original) => (...args) => {
  const [list, delimiter] = args;
  if (Array.isArray(list)) {
    const gap = typeof delimiter === "string" ? delimiter.length : 0;
    limitLength(list.reduce((sum, text) => sum + gap + (typeof text === "string" ? text.length : 0), 0));
  }
  return original(...args);
});

override("replace", (original) => (...args) => {
  const [input, pattern, replacement, flags] = args;
  if ([input, pattern, replacement].every((text) => typeof text === "string")) {
    // $` and $' are JavaScript's own: they would copy the whole input into every match.
    const safe = replacement.replace(/\$[`']/g, "$$$&");
    const references = safe.split("$").length - 1;
    if (input.length * (safe.length + references) > 1e6) {
      const found = input.match(new RegExp(pattern, `gu${flags ?? ""}`)) ?? [];
      limitLength(input.length + found.length * safe.length + references * input.length);
    }
    return original(input, pattern, safe, flags);
  }
  return original(...args);
});

// feelin sorts the numbers as texts, which puts 10 before 9.
override("median", () => (...args) => {
  const numbers = args.length === 1 && Array.isArray(args[0]) ? [...args[0]] : args;
  if (!numbers.length || !numbers.every((value) => typeof value === "number")) return null;
  numbers.sort((a, b) => a - b);
  const middle = numbers.length >> 1;
  return numbers.length % 2 ? numbers[middle] : (numbers[middle - 1] + numbers[middle]) / 2;
});

export function isBuiltin(name) {
  return Object.hasOwn(builtins, name);
}

/** The temporal value that an ISO 8601 text names: a duration, a time, a date or a date and time. */
export function temporal(text) {
  return builtins["@"](text);
}

/** The ISO 8601 text of a temporal value; FEEL's own "…@Europe/Berlin" is none. */
export function isoText(value) {
  const text = builtins.string(value);
  return text.includes("@") ? value.toISO({ suppressMilliseconds: true }) : text;
}
