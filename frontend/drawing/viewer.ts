// What the pages that draw a diagram share: opening one, choosing the part that can be read, and the
// button that shows it large.
import "bpmn-js/dist/assets/diagram-js.css";
import "bpmn-js/dist/assets/bpmn-js.css";

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Canvas {
  zoom(level: number | "fit-viewport", center?: { x: number; y: number } | "auto"): number;
  addMarker(element: string, marker: string): void;
  removeMarker(element: string, marker: string): void;
  viewbox(box?: Box): Box & { scale: number; inner: Box };
  resized(): void;
}

export interface Registry {
  get(id: string): Partial<Box> | undefined;
}

export interface Overlays {
  add(
    element: string,
    type: string,
    overlay: { position: Record<string, number>; html: HTMLElement; scale: { min: number; max: number } },
  ): string;
  remove(filter: { type: string }): void;
}

export interface Events {
  on(name: "element.click", listener: (event: { element?: { id: string; type?: string } }) => void): void;
}

export interface Drawing {
  canvas: Canvas;
  registry: Registry;
  overlays: Overlays;
  events: Events;
}

// Below this size nobody can read the names of the steps.
const READABLE = 0.62;
// Around a diagram that is spread out.
const GAP = 24;

/** Draws a diagram into a container: one to move and zoom in, or a still picture. */
export async function open(container: HTMLElement, xml: string, movable: boolean): Promise<Drawing> {
  const { default: Viewer } = movable
    ? await import("bpmn-js/lib/NavigatedViewer")
    : await import("bpmn-js/lib/Viewer");
  const viewer = new Viewer({ container });
  await viewer.importXML(xml);
  return {
    canvas: viewer.get<Canvas>("canvas"),
    registry: viewer.get<Registry>("elementRegistry"),
    overlays: viewer.get<Overlays>("overlays"),
    events: viewer.get<Events>("eventBus"),
  };
}

/** Shows the whole diagram where it stays readable, else the part around an element. */
export function frame({ canvas, registry }: Drawing, element: string): void {
  canvas.zoom("fit-viewport");
  const view = canvas.viewbox();
  if (view.scale >= READABLE) return;
  const focus = registry.get(element);
  const width = (view.width * view.scale) / READABLE;
  const height = (view.height * view.scale) / READABLE;
  const x = (focus?.x ?? view.inner.x) + (focus?.width ?? 0) / 2;
  const y = (focus?.y ?? view.inner.y) + (focus?.height ?? 0) / 2;
  canvas.viewbox({ x: x - width / 2, y: y - height / 2, width, height });
}

/** A room in a container, as large as the whole diagram at a size that can be read: the container scrolls. */
export function roomIn(container: HTMLElement): HTMLElement {
  const room = document.createElement("div");
  room.className = "diagram__room";
  container.classList.add("diagram--scrolls");
  container.append(room);
  return room;
}

/** Gives the whole diagram the room it needs to be read, and scrolls to an element. */
export function spread({ canvas, registry }: Drawing, room: HTMLElement, element: string): void {
  const { inner } = canvas.viewbox();
  const box = { x: inner.x - GAP, y: inner.y - GAP, width: inner.width + 2 * GAP, height: inner.height + 2 * GAP };
  const { clientWidth, clientHeight } = room.parentElement ?? room;
  const scale = Math.max(READABLE + 0.13, Math.min(1, clientWidth / box.width, clientHeight / box.height));
  room.style.width = `${Math.ceil(box.width * scale)}px`;
  room.style.height = `${Math.ceil(box.height * scale)}px`;
  canvas.resized();
  canvas.viewbox(box);
  const focus = registry.get(element);
  if (!focus) return;
  room.parentElement?.scrollTo({
    left: ((focus.x ?? 0) + (focus.width ?? 0) / 2 - box.x) * scale - clientWidth / 2,
    top: ((focus.y ?? 0) + (focus.height ?? 0) / 2 - box.y) * scale - clientHeight / 2,
  });
}

/** A button that opens the diagram large, to move and zoom in; `draw` fills the container there. */
export function enlarger(draw: (container: HTMLElement) => void): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button button--quiet";
  button.textContent = "Enlarge the diagram";
  button.addEventListener("click", () => {
    const dialog = document.createElement("dialog");
    dialog.className = "diagram-dialog";
    dialog.setAttribute("aria-label", "Diagram");
    const container = document.createElement("div");
    container.className = "diagram diagram--tall";
    const close = document.createElement("button");
    close.type = "button";
    close.className = "button";
    close.textContent = "Close";
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    dialog.append(container, close);
    document.body.append(dialog);
    dialog.showModal();
    draw(container);
  });
  return button;
}

/** Does something once a part of the page is about to be seen. */
export function whenSeen(node: HTMLElement, action: () => void): void {
  const seen = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    action();
  }, { rootMargin: "200px" });
  seen.observe(node);
}
