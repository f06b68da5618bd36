// The names that an expression may use: facts, and what the elements of this very draft set.
import { ALWAYS, answersOf, type Variable, unique, variable } from "../vocabulary";
import { is, listed, type Shape, subject } from "./model";
import type { Tools } from "./provider";

/** All names, with those that only the outputs of an element know. */
export function variablesOf(tools: Tools, within?: Shape): Variable[] {
  const { vocabulary } = tools.context;
  const facts = vocabulary.facts.map(({ name, fields, description }) => variable(name, fields, description));
  return unique([...(within ? around(tools, within) : []), ...facts, ...variables(tools), ...ALWAYS]);
}

function variables(tools: Tools): Variable[] {
  const files = tools.context.files();
  const found: Variable[] = [];
  for (const element of tools.registry.getAll() as Shape[]) {
    const business = subject(element);
    if (!is(element, "bpmn:FlowNode")) continue;
    const outputs = listed(element, "millwright:Outputs");
    const about = `Set by “${business.get("name") || business.id}”`;
    found.push(...outputs.map((output) => variable(output.get("name") ?? "", null, about)));
    const form: string | undefined = business.get("millwright:form");
    if (form && !outputs.length) found.push(...answersOf(files[`${form}.form`]));
    const result: string | undefined = business.get("millwright:resultVariable");
    if (result) found.push({ ...variable(result, decided(files, business.get("millwright:decision"))), info: about });
  }
  return found.filter(({ name }) => name);
}

/** What a decision answers, by the outputs of its table. */
function decided(files: Record<string, string>, decision: string | undefined): Record<string, string> | null {
  for (const [file, content] of Object.entries(files)) {
    if (!decision || !file.endsWith(".dmn")) continue;
    const root = new DOMParser().parseFromString(content, "application/xml").documentElement;
    const found = [...root.getElementsByTagNameNS("*", "decision")].find((each) => each.id === decision);
    const outputs = [...(found?.getElementsByTagNameNS("*", "output") ?? [])];
    if (outputs.length < 2) continue;
    return Object.fromEntries(outputs.map((each) => [each.getAttribute("name") ?? "", each.getAttribute("typeRef") ?? ""]));
  }
  return null;
}

function around(tools: Tools, element: Shape): Variable[] {
  const business = subject(element);
  if (is(element, "bpmn:ServiceTask")) {
    const named = business.get("millwright:service") as string | undefined;
    const service = tools.context.vocabulary.services.find(({ name }) => name === named);
    const fields = Object.fromEntries(service?.outputs.map(({ name, type }) => [name, type]) ?? []);
    return [variable("result", fields, "What the service answers")];
  }
  if (is(element, "bpmn:UserTask")) {
    return answersOf(tools.context.files()[`${business.get("millwright:form")}.form`]);
  }
  return [variable("payload", null, "What the message brings")];
}
