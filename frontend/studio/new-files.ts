// Files to begin with, and which files of other tools are taken.

const DMN = "https://www.omg.org/spec/DMN/20191111/MODEL/";
const BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL";

/** An id made of a name: XML takes no digit or dash at its beginning. */
function identifier(name: string): string {
  const plain = name.normalize("NFKD").replace(/[^A-Za-z0-9_]+/g, "_");
  return /^[A-Za-z_]/.test(plain) ? plain : `_${plain}`;
}

function title(name: string): string {
  const words = name.replaceAll("_", " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function attribute(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

export function emptyDecision(name: string): string {
  const id = identifier(name);
  return `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="${DMN}" xmlns:dmndi="https://www.omg.org/spec/DMN/20191111/DMNDI/" xmlns:dc="http://www.omg.org/spec/DMN/20180521/DC/" id="definitions_${id}" name="${attribute(title(name))}" namespace="https://millwright.example/decisions/${id}">
  <decision id="${id}" name="${attribute(title(name))}">
    <decisionTable id="${id}_table" hitPolicy="UNIQUE">
      <input id="${id}_input_1" label="Input">
        <inputExpression id="${id}_input_1_expression" typeRef="string">
          <text></text>
        </inputExpression>
      </input>
      <output id="${id}_output_1" label="Output" name="result" typeRef="string"/>
    </decisionTable>
  </decision>
  <dmndi:DMNDI>
    <dmndi:DMNDiagram id="${id}_diagram">
      <dmndi:DMNShape id="${id}_shape" dmnElementRef="${id}">
        <dc:Bounds height="80" width="180" x="160" y="100"/>
      </dmndi:DMNShape>
    </dmndi:DMNDiagram>
  </dmndi:DMNDI>
</definitions>
`;
}

/** The ids of the decisions in a DMN file. */
export function decisionsOf(text: string): string[] {
  const root = new DOMParser().parseFromString(text, "application/xml").documentElement;
  return [...root.getElementsByTagNameNS("*", "decision")].map((each) => each.getAttribute("id") ?? "");
}

export function emptyForm(name: string): string {
  const id = identifier(name);
  return `${JSON.stringify({ type: "default", id, schemaVersion: 18, components: [] }, null, 2)}\n`;
}

export function firstScenario(key: string): string {
  return `# What has to be true of the process, told in steps. The guide for process owners says how.

- name: A first story
  start: {process: ${key}, by: technician, values: {}}
  expect: {state: running}
`;
}

/** A scenario file with the stories of another one behind its own. */
export function joined(before: string | undefined, more: string): string {
  const own = before ?? "";
  if (!/^\s*-/m.test(own)) return more;
  return `${own.trimEnd()}\n\n${more}`;
}

/** Why a file is not taken; an empty text for one that is. What is in it, the checks look at. */
export function check(name: string, text: string): string {
  if (name === "scenarios.yaml") return "";
  if (!/^[\p{L}\p{N}_][\p{L}\p{N}_ .()-]{0,119}\.(bpmn|dmn|form)$/u.test(name)) {
    return "a file's name has letters, digits, spaces, “-” and “_”, and ends in .bpmn, .dmn or .form; scenarios are in scenarios.yaml.";
  }
  if (text.includes("\u0000") || text.includes("\ufffd")) return "it is not a text in UTF-8.";
  return name.endsWith(".form") ? checkForm(text) : checkXml(name, text);
}

function checkForm(text: string): string {
  try {
    const schema = JSON.parse(text) as { components?: unknown };
    return Array.isArray(schema?.components) ? "" : "it is JSON, but no form of form-js: it has no “components”.";
  } catch {
    return "it is not JSON, which forms are.";
  }
}

function checkXml(name: string, text: string): string {
  if (/<!DOCTYPE|<!ENTITY/i.test(text)) return "it declares a document type, which is not taken for safety.";
  const { documentElement: root } = new DOMParser().parseFromString(text, "application/xml");
  if (root.getElementsByTagName("parsererror").length || root.nodeName === "parsererror") {
    return "it is not well-formed XML.";
  }
  const space = root.namespaceURI ?? "";
  if (root.localName !== "definitions") return `it is XML, but no diagram or decision: its root is “${root.localName}”.`;
  if (name.endsWith(".bpmn")) return space === BPMN ? "" : "it is no BPMN 2.0 diagram.";
  if (space === DMN) return "";
  return /dmn/i.test(space)
    ? "it is DMN of another version than 1.3; save it as DMN 1.3 in the tool it comes from."
    : "it is no DMN file.";
}
