// The panel beside the diagram: the library's own groups, and Millwright's.
import { BpmnPropertiesPanelModule, BpmnPropertiesProviderModule } from "bpmn-js-properties-panel";
import type { Context } from "../context";
import { MillwrightProperties } from "./provider";

export function modules(context: Context): object[] {
  return [
    BpmnPropertiesPanelModule,
    BpmnPropertiesProviderModule,
    {
      __init__: ["millwrightProperties"],
      millwrightProperties: ["type", MillwrightProperties],
      millwrightContext: ["value", context],
    },
  ];
}
