// The libraries that bring no types of their own, as far as the Studio uses them.
declare module "bpmn-js-properties-panel" {
  export const BpmnPropertiesPanelModule: object;
  export const BpmnPropertiesProviderModule: object;
  export function useService<Service = any>(name: string, strict?: boolean): Service;
}
declare module "@bpmn-io/properties-panel" {
  type Component = (props: any) => any;
  type IsEdited = (node: any) => boolean;
  export const Group: Component;
  export const ListGroup: Component;
  export const FeelEntry: Component;
  export const FeelTextAreaEntry: Component;
  export const SelectEntry: Component;
  export const TextFieldEntry: Component;
  export const TextAreaEntry: Component;
  export const CheckboxEntry: Component;
  export const isFeelEntryEdited: IsEdited;
  export const isSelectEntryEdited: IsEdited;
  export const isTextFieldEntryEdited: IsEdited;
  export const isTextAreaEntryEdited: IsEdited;
  export const isCheckboxEntryEdited: IsEdited;
}
declare module "@bpmn-io/properties-panel/preact" {
  export function h(component: any, props: object | null, ...children: any[]): any;
}
declare module "diagram-js-minimap";
declare module "bpmn-js-token-simulation" {
  const simulation: object;
  export default simulation;
}
declare module "dmn-js/lib/Modeler" {
  const Modeler: new (options: object) => any;
  export default Modeler;
}
declare module "dmn-js/lib/NavigatedViewer" {
  const Viewer: new (options: object) => any;
  export default Viewer;
}
