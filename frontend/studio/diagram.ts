// The diagram: bpmn-js with the panel of properties, the map, the simulation, and pictures to take away.
import descriptor from "../../app/engine/schema/millwright.json";
import { el, icon } from "./dom";
import type { Context } from "./context";
import type { Editor } from "./editor";
import { savePng, saveSvg } from "./pictures";

/** How an element is marked: what a check found, or that no scenario comes to it. */
export type Mark = "error" | "warning" | "missed" | "covered";

const GAP = 20; // pixels around a diagram that is shown as a whole
const TOOLS = 60; // pixels that the tools take at the bottom

const MARKS: Mark[] = ["error", "warning", "missed", "covered"];

export class DiagramEditor implements Editor {
  private modeler: any;
  private readonly canvas: HTMLElement;
  private readonly panel: HTMLElement;
  private readonly tools: HTMLElement;
  private marked: [string, string][] = [];
  private fitted = false;
  private readonly room = new ResizeObserver(() => {
    if (this.canvas.clientWidth) this.modeler?.get("canvas").resized();
  });

  constructor(
    private readonly container: HTMLElement,
    private readonly context: Context,
    private readonly changed: () => void,
  ) {
    this.canvas = el("div", { class: "studio-diagram__canvas" });
    this.panel = el("div", { class: "studio-diagram__panel", "aria-label": "Properties", role: "region" });
    this.tools = el("div", { class: "studio-diagram__tools", role: "toolbar", "aria-label": "Diagram" });
    container.classList.add("studio-diagram");
    container.append(el("div", { class: "studio-diagram__stage" }, this.canvas, this.tools), this.panel);
  }

  async load(text: string): Promise<void> {
    this.modeler = this.context.editable ? await this.editor() : await this.viewer();
    await this.modeler.importXML(text).catch((error: Error) => {
      this.destroy();
      throw error;
    });
    this.furnish();
    this.fit();
    this.room.observe(this.canvas);
    this.modeler.on("commandStack.changed", () => this.changed());
  }

  async content(): Promise<string> {
    const { xml } = await this.modeler.saveXML({ format: true });
    return xml as string;
  }

  undo(): void {
    if (this.canUndo()) this.modeler.get("commandStack").undo();
  }

  redo(): void {
    if (this.canRedo()) this.modeler.get("commandStack").redo();
  }

  canUndo(): boolean {
    return Boolean(this.modeler?.get("commandStack", false)?.canUndo());
  }

  canRedo(): boolean {
    return Boolean(this.modeler?.get("commandStack", false)?.canRedo());
  }

  select(id: string | null): void {
    const element = id && this.modeler.get("elementRegistry").get(id);
    if (!element) return;
    this.modeler.get("canvas").scrollToElement(element, 120);
    this.modeler.get("selection", false)?.select(element);
  }

  shown(): void {
    if (!this.modeler) return;
    this.modeler.get("canvas").resized();
    if (!this.fitted) this.fit();
    // What floats beside an element was placed while nothing had a place.
    const pad = this.modeler.get("contextPad", false);
    const chosen = this.modeler.get("selection", false)?.get() ?? [];
    if (pad?.isOpen() && chosen.length) {
      pad.close();
      pad.open(chosen.length === 1 ? chosen[0] : chosen);
    }
  }

  destroy(): void {
    this.room.disconnect();
    this.modeler?.destroy();
    this.container.classList.remove("studio-diagram");
    this.container.replaceChildren();
  }

  /** The elements whose attribute of Millwright's (`form`, `decision`) has this value. */
  uses(attribute: string, value: string): { id: string; name: string }[] {
    return this.using(attribute, value).map(({ businessObject: { id, name } }) => ({ id, name: name || id }));
  }

  /** Gives all of them another value, in steps that can be undone. */
  rename(attribute: string, before: string, after: string): void {
    for (const element of this.using(attribute, before)) {
      this.modeler.get("modeling").updateProperties(element, { [`millwright:${attribute}`]: after });
    }
  }

  private using(attribute: string, value: string): any[] {
    return this.modeler.get("elementRegistry").filter(({ businessObject: said, type }: any) =>
      type !== "label" && said?.get?.(`millwright:${attribute}`) === value);
  }

  /** Marks elements, and takes away the marks of the same kinds that were there. */
  mark(kinds: Mark[], marks: [string, Mark][]): void {
    const canvas = this.modeler.get("canvas");
    const registry = this.modeler.get("elementRegistry");
    const classes = kinds.map((kind) => `studio-${kind}`);
    for (const [id, name] of this.marked.filter(([, name]) => classes.includes(name))) {
      if (registry.get(id)) canvas.removeMarker(id, name);
    }
    this.marked = this.marked.filter(([, name]) => !classes.includes(name));
    for (const [id, kind] of marks.filter(([, kind]) => MARKS.includes(kind))) {
      if (!registry.get(id)) continue;
      canvas.addMarker(id, `studio-${kind}`);
      this.marked.push([id, `studio-${kind}`]);
    }
  }

  private async editor(): Promise<any> {
    const [{ default: Modeler }, { default: minimap }, { default: simulation }, properties] = await Promise.all([
      import("bpmn-js/lib/Modeler"),
      import("diagram-js-minimap"),
      import("bpmn-js-token-simulation"),
      import("./properties/modules"),
    ]);
    return new Modeler({
      container: this.canvas,
      propertiesPanel: { parent: this.panel, feelPopupContainer: document.body },
      additionalModules: [minimap, simulation, ...properties.modules(this.context)],
      moddleExtensions: { millwright: descriptor },
    });
  }

  private async viewer(): Promise<any> {
    const { default: Viewer } = await import("bpmn-js/lib/NavigatedViewer");
    this.panel.remove();
    return new Viewer({ container: this.canvas, moddleExtensions: { millwright: descriptor } });
  }

  private fit(): void {
    if (!this.canvas.clientWidth) return; // not visible yet
    this.fitted = true;
    const canvas = this.modeler.get("canvas");
    this.whole();
    // A large diagram is readable from its beginning rather than visible as a whole.
    if (canvas.zoom() < 0.45) this.beginning(canvas);
  }

  /** Shows all of the diagram, clear of the palette at the left and the tools below, and never enlarged. */
  private whole(): void {
    const canvas = this.modeler.get("canvas");
    const { inner, outer } = canvas.viewbox();
    const left = this.left();
    const [wide, high] = [outer.width - left - GAP, outer.height - 2 * GAP - TOOLS];
    const scale = Math.min(1, wide / inner.width, high / inner.height);
    if (!(scale > 0) || !Number.isFinite(scale)) return;
    canvas.viewbox({
      x: inner.x - (left + Math.max(0, wide - inner.width * scale) / 2) / scale,
      y: inner.y - (GAP + Math.max(0, high - inner.height * scale) / 2) / scale,
      width: outer.width / scale, height: outer.height / scale,
    });
  }

  /** The pixels at the left that the palette takes. */
  private left(): number {
    const palette = this.canvas.querySelector(".djs-palette")?.getBoundingClientRect();
    return GAP + (palette ? palette.right - this.canvas.getBoundingClientRect().left : 0);
  }

  private beginning(canvas: any): void {
    const view = canvas.viewbox();
    const scale = 0.6;
    const [width, height] = [(view.width * view.scale) / scale, (view.height * view.scale) / scale];
    const start = this.modeler.get("elementRegistry").find((each: any) => each.type === "bpmn:StartEvent");
    const middle = start ? start.y + start.height / 2 : view.inner.y + view.inner.height / 2;
    const lowest = view.inner.y + view.inner.height - height + 40;
    const y = Math.max(view.inner.y - 40, Math.min(middle - height / 2, lowest));
    canvas.viewbox({ x: view.inner.x - this.left() / scale, y, width, height });
  }

  private furnish(): void {
    const { tools } = this;
    const canvas = this.modeler.get("canvas");
    const button = (label: string, sign: Node | string, press: () => void): HTMLButtonElement =>
      el("button", { type: "button", class: "studio-tool", title: label, "aria-label": label, click: press }, sign);
    tools.append(
      button("Zoom out", "−", () => canvas.zoom(canvas.zoom() / 1.25)),
      button("Zoom in", "+", () => canvas.zoom(canvas.zoom() * 1.25)),
      button("Fit the diagram into the window", "Fit", () => this.whole()),
    );
    if (this.context.editable) {
      tools.append(
        // Once the click is over: the library takes a click elsewhere for the end of the search.
        button("Search in the diagram (Ctrl+F)", icon("search"), () => {
          setTimeout(() => this.modeler.get("editorActions").trigger("find"));
        }),
        button("Map of the diagram", "Map", () => this.modeler.get("minimap").toggle()),
        this.simulator(),
      );
    }
    tools.append(
      button("Save a picture as SVG", "SVG", () => void saveSvg(this.modeler, this.name())),
      button("Save a picture as PNG", "PNG", () => void savePng(this.modeler, this.name())),
    );
  }

  /** What the process is called, in its pool or in the process itself. */
  name(): string {
    const root = this.modeler.get("canvas").getRootElement();
    const pool = this.modeler.get("elementRegistry").find((each: any) => each.type === "bpmn:Participant");
    return root.businessObject.name || pool?.businessObject.name || this.context.key;
  }

  /** The switch that lets tokens run through the diagram, by clicks; nothing can be changed meanwhile. */
  private simulator(): HTMLElement {
    const simulate = el("button", {
      type: "button", class: "studio-tool studio-tool--wide", "aria-pressed": "false",
      title: "Let tokens run through the diagram", click: () => this.modeler.get("toggleMode").toggleMode(),
    }, icon("play"), "Simulate");
    this.modeler.on("tokenSimulation.toggleMode", ({ active }: { active: boolean }) => {
      simulate.setAttribute("aria-pressed", String(active));
      this.container.classList.toggle("studio-diagram--simulating", active);
    });
    return simulate;
  }
}
