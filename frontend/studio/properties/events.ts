// Timers, and the conditions of flows.
import { explained, quoted, unquoted } from "./durations";
import { type Entry, checkbox, feel, select } from "./entries";
import { definitionOf, is, type Moddle, type Shape, subject } from "./model";
import type { Tools } from "./provider";
import { variablesOf } from "./variables";

const TIMES = {
  timeDuration: "How long it waits: PT30M is 30 minutes, PT4H 4 hours, P2D 2 days. Or an expression (fx) that gives it.",
  timeDate: "The instant: 2026-03-31T06:00:00Z. Or an expression (fx) that gives it.",
  timeCycle: "Again and again: R/PT4H is every 4 hours, R3/P1D three times, each after a day. Or an expression (fx).",
};
type TimeKind = keyof typeof TIMES;
const LABELS: Record<TimeKind, string> = { timeDuration: "Duration", timeDate: "Instant", timeCycle: "How often" };

export function timerEntries(element: Shape, tools: Tools): Entry[] {
  const timer = definitionOf(element, "bpmn:TimerEventDefinition");
  if (!timer) return [];
  const kinds = Object.keys(TIMES) as TimeKind[];
  const kind = (): TimeKind | undefined => kinds.find((each) => timer.get(each));
  const entries = [select({
    id: "millwright-timer-kind", label: "Kind", get: () => kind() ?? "",
    options: [
      { value: "", label: "Choose one" }, { value: "timeDuration", label: "After a duration" },
      { value: "timeDate", label: "At a date" }, { value: "timeCycle", label: "Again and again" },
    ],
    set: (chosen) => {
      const before = kind();
      const properties: Record<string, unknown> = { timeDuration: undefined, timeDate: undefined, timeCycle: undefined };
      const body = before ? timer.get(before).get("body") : undefined;
      if (chosen) properties[chosen] = expression(tools, timer, body);
      tools.changes.set(element, timer, properties);
    },
  })];
  const now = kind();
  if (now) {
    entries.push(feel({
      id: "millwright-timer-value", label: LABELS[now], optional: true,
      description: explained(unquoted(timer.get(now).get("body")), TIMES[now]),
      // The file has an expression in any case; a duration is typed as it is.
      variables: () => variablesOf(tools), get: () => unquoted(timer.get(now).get("body")),
      set: (typed) => tools.changes.set(element, timer.get(now), { body: quoted(typed) }),
    }));
  }
  return entries;
}

export function conditionEntries(element: Shape, tools: Tools): Entry[] {
  const business = subject(element);
  if (is(element, "bpmn:SequenceFlow")) return flowEntries(element, business, tools);
  const conditional = definitionOf(element, "bpmn:ConditionalEventDefinition");
  return conditional ? [conditionEntry(element, conditional, "condition", tools)] : [];
}

function flowEntries(element: Shape, flow: Moddle, tools: Tools): Entry[] {
  const source = flow.sourceRef;
  const chooses = ["bpmn:ExclusiveGateway", "bpmn:InclusiveGateway", "bpmn:Activity"];
  if (!source || !chooses.some((type) => is(source, type))) return [];
  const isDefault = (): boolean => source.get("default") === flow;
  const entries = [checkbox({
    id: "millwright-default", label: "Taken where no condition holds", get: isDefault,
    set: (on) => {
      const shape = tools.registry.get(source.id);
      if (shape) tools.modeling.updateProperties(shape, { default: on ? flow : undefined });
    },
  })];
  if (!isDefault()) entries.push(conditionEntry(element, flow, "conditionExpression", tools));
  return entries;
}

function conditionEntry(element: Shape, owner: Moddle, name: string, tools: Tools): Entry {
  return feel({
    id: "millwright-condition", label: "Condition", variables: () => variablesOf(tools),
    description: "An expression that is true where this is the way to go.",
    get: () => owner.get(name)?.get("body"),
    set: (body) => {
      const now = owner.get(name);
      if (now && body) tools.changes.set(element, now, { body });
      else tools.changes.set(element, owner, { [name]: body ? expression(tools, owner, body) : undefined });
    },
  });
}

function expression(tools: Tools, parent: Moddle, body: string | undefined): Moddle {
  return tools.changes.create("bpmn:FormalExpression", parent, { body });
}
