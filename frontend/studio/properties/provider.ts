// Millwright's part of the properties panel: what each kind of element takes, as the checks on the server know it.
import { Group, ListGroup } from "@bpmn-io/properties-panel";
import type { Context } from "../context";
import { type Entry, checkbox, feel, note, select, text } from "./entries";
import { explained, plain } from "./durations";
import { conditionEntries, timerEntries } from "./events";
import { decisionOptions, formOptions, priorityEntries, roleOptions, statusEntry } from "./choices";
import { inputEntries, listGroup } from "./lists";
import { Changes, definitionOf, is, processOf, type Shape, subject } from "./model";
import { variablesOf } from "./variables";

interface PanelGroup {
  id: string;
  label: string;
  component: unknown;
  entries?: Entry[];
  items?: unknown[];
  shouldOpen?: boolean;
}

const LOW = 500; // after the library's own provider, whose groups are taken over
const SENDS = ["bpmn:IntermediateThrowEvent", "bpmn:EndEvent", "bpmn:SendTask"];
const CATCHES = ["bpmn:StartEvent", "bpmn:IntermediateCatchEvent", "bpmn:BoundaryEvent", "bpmn:ReceiveTask"];

/** Everything that the groups need to know to read and change an element. */
export interface Tools {
  context: Context;
  changes: Changes;
  modeling: any;
  registry: any;
}

export class MillwrightProperties {
  static $inject = ["propertiesPanel", "commandStack", "bpmnFactory", "modeling", "elementRegistry", "millwrightContext"];
  private readonly tools: Tools;

  constructor(
    panel: any, commandStack: any, bpmnFactory: any, modeling: any, elementRegistry: any, context: Context,
  ) {
    this.tools = { context, modeling, registry: elementRegistry, changes: new Changes(commandStack, bpmnFactory) };
    panel.registerProvider(LOW, this);
  }

  getGroups(element: Shape): (groups: PanelGroup[]) => PanelGroup[] {
    return (groups) => {
      if (Array.isArray(element) || element.labelTarget === undefined && element.type === "label") return groups;
      const kept = groups.filter(({ id }) => id !== "timer");
      const at = Math.max(1, kept.findIndex(({ id }) => id === "documentation"));
      kept.splice(at, 0, ...this.own(element));
      return kept;
    };
  }

  private own(element: Shape): PanelGroup[] {
    const groups = [
      group("millwright-work", workTitle(element), workEntries(element, this.tools), true),
      group("millwright-service", "Service", serviceEntries(element, this.tools), true),
      group("millwright-decision", "Decision", decisionEntries(element, this.tools), true),
      group("millwright-script", "Script", scriptEntries(element, this.tools), true),
      group("millwright-timer", "Timer", timerEntries(element, this.tools), true),
      group("millwright-condition", "Condition", conditionEntries(element, this.tools), true),
      group("millwright-message", "Who may send, who receives", messageEntries(element, this.tools), true),
      group("millwright-status", "Record", recordEntries(element, this.tools), false),
      ...listsOf(element, this.tools),
    ];
    return groups.filter((each): each is PanelGroup => each !== null);
  }
}

function group(id: string, label: string, entries: Entry[], shouldOpen: boolean): PanelGroup | null {
  return entries.length ? { id, label, component: Group, entries, shouldOpen } : null;
}

function workTitle(element: Shape): string {
  if (is(element, "bpmn:Lane")) return "Who works in this lane";
  return is(element, "bpmn:StartEvent") ? "Start form" : "Task";
}

function workEntries(element: Shape, tools: Tools): Entry[] {
  if (is(element, "bpmn:UserTask")) return userTaskEntries(element, tools);
  if (is(element, "bpmn:StartEvent") && !subject(element).eventDefinitions?.length) {
    return startEntries(element, tools);
  }
  if (is(element, "bpmn:Lane")) {
    const none = "Nobody: Millwright's own steps";
    return [select({
      id: "millwright-role", label: "Role", options: roleOptions(tools, none),
      description: "People with this role do the user tasks that are drawn in this lane.",
      ...attribute(element, tools, "role"),
    })];
  }
  return [];
}

function userTaskEntries(element: Shape, tools: Tools): Entry[] {
  const variables = (): ReturnType<typeof variablesOf> => variablesOf(tools);
  const formula = (name: string, label: string, description: string): Entry =>
    feel({
      id: `millwright-${name}`, label, description, variables, optional: true, ...attribute(element, tools, name),
      set: (value) => attribute(element, tools, name).set(plain(value)),
    });
  return [
    select({
      id: "millwright-form", label: "Form", options: formOptions(tools), ...attribute(element, tools, "form"),
      description: "What is filled in; a file of this process. New ones are made under “Files”.",
    }),
    select({
      id: "millwright-candidateRole", label: "Role", options: roleOptions(tools, "As the lane says"),
      ...attribute(element, tools, "candidateRole"), description: "The people who may do the task.",
    }),
    formula("due", "Due", explained(
      attribute(element, tools, "due").get(),
      "How long after it has come to the inbox: PT30M is 30 minutes, PT4H 4 hours, P2D 2 days. Empty: whenever it suits.",
    )),
    ...priorityEntries(element, tools, formula),
    formula("candidateDepartment", "Department", "Only members of the department with this number; =machine.departmentId is that of the machine."),
    formula("assignee", "Assignee", "The number of the person who is to do it, such as =requester.id. Empty: whoever takes it."),
    formula("summary", "Summary", "The line that inboxes show, instead of the record's own."),
    text({
      id: "millwright-apiVerb", label: "Verbs of the REST API", ...attribute(element, tools, "apiVerb"),
      description: "Separated by commas: the calls that complete this task; record=save says which outcome is meant.",
    }),
  ];
}

function startEntries(element: Shape, tools: Tools): Entry[] {
  const chosen = (): string[] => (attribute(element, tools, "candidateRole").get() ?? "").split(/[\s,]+/).filter(Boolean);
  const roles = tools.context.vocabulary.roles.map(({ code, name }) => checkbox({
    id: `millwright-starts-${code}`, label: `Started by: ${name}`, get: () => chosen().includes(code),
    set: (on) => {
      const others = chosen().filter((each) => each !== code);
      attribute(element, tools, "candidateRole").set((on ? [...others, code] : others).join(","));
    },
  }));
  return [
    select({
      id: "millwright-form", label: "Form", options: formOptions(tools), ...attribute(element, tools, "form"),
      description: "The form that starts the process.",
    }),
    ...roles,
    note("millwright-starts", "With none ticked, the role of the lane starts it, or everybody where there is none."),
  ];
}

function serviceEntries(element: Shape, tools: Tools): Entry[] {
  if (!is(element, "bpmn:ServiceTask")) return [];
  const { services } = tools.context.vocabulary;
  const now = attribute(element, tools, "service");
  const service = services.find(({ name }) => name === now.get());
  const options = services.map(({ name, title }) => ({ value: name, label: `${title} (${name})` }));
  const entries = [select({
    id: "millwright-service", label: "Service", options: [{ value: "", label: "Choose what is done" }, ...options], ...now,
  })];
  if (!service) return entries;
  const outputs = service.outputs.map(({ name, type, description }) => `result.${name} (${type}): ${description}`);
  const errors = service.errors.map(({ code, description }) => `${code}: ${description}`);
  return [
    ...entries,
    note("millwright-service-about", service.description),
    ...inputEntries(element, tools, service),
    note(
      "millwright-service-answers",
      outputs.length ? `It answers, for the outputs below: ${outputs.join("; ")}` : "It answers nothing.",
      errors.length ? `It may refuse with: ${errors.join("; ")}` : "",
    ),
  ];
}

function decisionEntries(element: Shape, tools: Tools): Entry[] {
  if (!is(element, "bpmn:BusinessRuleTask")) return [];
  return [
    select({
      id: "millwright-decision", label: "Decision", options: decisionOptions(tools),
      ...attribute(element, tools, "decision"), description: "A decision table of this process.",
    }),
    text({
      id: "millwright-resultVariable", label: "Result variable", ...attribute(element, tools, "resultVariable"),
      description: "The variable that receives the result.",
    }),
  ];
}

function scriptEntries(element: Shape, tools: Tools): Entry[] {
  if (!is(element, "bpmn:ScriptTask")) return [];
  const business = subject(element);
  return [
    feel({
      id: "millwright-script", label: "Expression", variables: () => variablesOf(tools),
      get: () => business.get("script"),
      set: (script) => tools.modeling.updateProperties(element, {
        script: script || undefined, scriptFormat: script ? "feel" : undefined,
      }),
    }),
    text({
      id: "millwright-resultVariable", label: "Result variable", ...attribute(element, tools, "resultVariable"),
      description: "The variable that receives the value.",
    }),
  ];
}

function messageEntries(element: Shape, tools: Tools): Entry[] {
  const variables = (): ReturnType<typeof variablesOf> => variablesOf(tools);
  if (sends(element)) {
    return [feel({
      id: "millwright-to", label: "To", variables, optional: true, ...attribute(element, tools, "to"),
      description: "The business key, or a list of keys, of the instances that receive the message. "
        + "Empty: whichever process starts with it.",
    })];
  }
  if (catches(element) && !is(element, "bpmn:StartEvent")) {
    const expected = feel({
      id: "millwright-due", label: "Expected within", variables, optional: true, ...attribute(element, tools, "due"),
      description: "A duration (P2D is two days), or an instant: after it the instance counts as stuck.",
    });
    return [
      feel({
        id: "millwright-allowed", label: "People may send it if", variables, optional: true,
        ...attribute(element, tools, "allowed"),
        description: "True where the person who acts may send the message. Empty: only other processes may.",
      }),
      ...(is(element, "bpmn:BoundaryEvent") ? [] : [expected]),
    ];
  }
  return [];
}

function recordEntries(element: Shape, tools: Tools): Entry[] {
  if (is(element, "bpmn:FlowNode")) return [statusEntry(element, tools)];
  const process = processOf(element);
  if (!process) return [];
  return [note("millwright-subject", `The process is about: ${tools.context.vocabulary.subjectType.replaceAll("_", " ")}.`)];
}

function listsOf(element: Shape, tools: Tools): (PanelGroup | null)[] {
  const [task, service] = [is(element, "bpmn:UserTask"), is(element, "bpmn:ServiceTask")];
  const inputs = task || service || is(element, "bpmn:BusinessRuleTask") || sends(element);
  const outputs = task || service || catches(element);
  const make = (kind: "outcomes" | "inputs" | "outputs"): PanelGroup =>
    ({ ...listGroup(kind, element, tools), component: ListGroup }) as PanelGroup;
  return [task ? make("outcomes") : null, inputs ? make("inputs") : null, outputs ? make("outputs") : null];
}

/** Reads and writes one of Millwright's attributes of an element. */
export function attribute(
  element: Shape, tools: Tools, name: string,
): { get: () => string | undefined; set: (value: string) => void } {
  return {
    get: () => subject(element).get(`millwright:${name}`) as string | undefined,
    set: (value) => tools.modeling.updateProperties(element, { [`millwright:${name}`]: value || undefined }),
  };
}

function sends(element: Shape): boolean {
  const kind = SENDS.some((type) => is(element, type));
  return kind && (is(element, "bpmn:SendTask") || Boolean(definitionOf(element, "bpmn:MessageEventDefinition")));
}

function catches(element: Shape): boolean {
  const kind = CATCHES.some((type) => is(element, type));
  return kind && (is(element, "bpmn:ReceiveTask") || Boolean(definitionOf(element, "bpmn:MessageEventDefinition")));
}
