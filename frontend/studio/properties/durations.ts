// Durations as files have them (PT4H), said in words, and texts among expressions shown without their quotation marks.

const DURATION = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/;
const UNITS = ["year", "month", "week", "day", "hour", "minute", "second"];

/** “PT4H” is “4 hours”, “R3/P1D” is “3 times, every 1 day”; an empty text for what is no duration. */
export function spoken(text: string): string {
  const [, many, repeats, rest] = /^(R(\d*)\/)?(.*)$/.exec(text.trim()) ?? [];
  const amounts = DURATION.exec(rest ?? "")?.slice(1) ?? [];
  const parts = amounts.flatMap((amount, place) =>
    (amount ? [`${amount} ${UNITS[place]}${amount === "1" ? "" : "s"}`] : []));
  if (!parts.length) return "";
  const length = parts.length > 1 ? `${parts.slice(0, -1).join(", ")} and ${parts[parts.length - 1]}` : (parts[0] ?? "");
  if (!many) return length;
  return repeats ? `${repeats} times, every ${length}` : `every ${length}, again and again`;
}

/** An explanation, and before it what is written there now, in words where it is a duration. */
export function explained(value: string | undefined, explanation: string): string {
  const words = spoken(value ?? "");
  return words ? `Now: ${words}. ${explanation}` : explanation;
}

/** A duration typed into a field that holds an expression is a duration all the same. */
export function plain(value: string): string {
  const rest = value.replace(/^=\s*/, "");
  return spoken(rest) ? rest : value;
}

/** The text that an expression is, where it is nothing but a text; else the expression. */
export function unquoted(expression: string | undefined): string | undefined {
  return /^=\s*"([^"\\]*)"\s*$/.exec(expression ?? "")?.[1] ?? expression;
}

/** An expression; what does not begin with “=” is a text, and becomes one. */
export function quoted(typed: string): string {
  const value = plain(typed);
  return !value || value.startsWith("=") ? value : `="${value.replace(/["\\]/g, "")}"`;
}
