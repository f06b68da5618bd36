// Draws the diagrams of versions, two of them side by side with what differs between them. The lists on the
// pages say the same without it.
import "bpmn-js/dist/assets/diagram-js.css";
import "bpmn-js/dist/assets/bpmn-js.css";
import "./css/versions.css";

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

interface Canvas {
  zoom(level: string | number, center?: string): number;
  addMarker(element: string, marker: string): void;
  removeMarker(element: string, marker: string): void;
  viewbox(box?: Box): Box & { scale: number; inner: Box };
}

interface Shape extends Partial<Box> {
  waypoints?: { x: number; y: number }[];
}

interface Registry {
  get(id: string): Shape | undefined;
}

interface Overlays {
  add(
    element: string,
    overlay: { position: Record<string, number>; html: HTMLElement; scale: { min: number; max: number } },
  ): void;
}

interface EventBus {
  on(event: string, listener: (event: { element?: { id: string } }) => void): void;
}

interface Drawing {
  container: HTMLElement;
  canvas: Canvas;
  registry: Registry;
  events: EventBus;
}

type Marks = Record<string, [change: string, kind: string]>;

const SIGNS: Record<string, string> = { added: "+", removed: "−", changed: "±", moved: "↕" };
const MARGIN = 40; // around what changed, in units of the plan

async function draw(container: HTMLElement): Promise<Drawing | undefined> {
  const response = await fetch(container.dataset["drawing"] ?? "");
  if (!response.ok) return undefined;
  const { default: Viewer } = await import("bpmn-js/lib/NavigatedViewer");
  const xml = await response.text();
  container.hidden = false;
  const viewer = new Viewer({ container });
  try {
    await viewer.importXML(xml);
  } catch {
    container.textContent = "This file has no drawing that can be shown.";
    return undefined;
  }
  const canvas = viewer.get<Canvas>("canvas");
  const registry = viewer.get<Registry>("elementRegistry");
  mark(canvas, registry, viewer.get<Overlays>("overlays"), JSON.parse(container.dataset["marks"] ?? "{}") as Marks);
  canvas.zoom("fit-viewport", "auto");
  return { container, canvas, registry, events: viewer.get<EventBus>("eventBus") };
}

function mark(canvas: Canvas, registry: Registry, overlays: Overlays, marks: Marks): void {
  for (const [id, [change, kind]] of Object.entries(marks)) {
    const shape = registry.get(id);
    if (!shape) continue;
    canvas.addMarker(id, `diff-${change}`);
    if (kind === "lane") canvas.addMarker(id, "diff-frame");
    const sign = document.createElement("span");
    sign.className = `diff-sign diff-sign--${change}`;
    sign.textContent = SIGNS[change] ?? "";
    sign.setAttribute("aria-hidden", "true");
    const position = shape.waypoints ? middle(shape.waypoints, id, registry) : { top: -11, right: 11 };
    overlays.add(id, { position, html: sign, scale: { min: 0.7, max: 1 } });
  }
}

/** The middle of a flow, from the corner of the box around it, where overlays are counted from. */
function middle(points: { x: number; y: number }[], id: string, registry: Registry): Record<string, number> {
  const left = Math.min(...points.map((point) => point.x));
  const top = Math.min(...points.map((point) => point.y));
  const lengths = points.slice(1).map((to, index) => {
    const from = points[index] ?? to;
    return Math.hypot(to.x - from.x, to.y - from.y);
  });
  let rest = lengths.reduce((sum, length) => sum + length, 0) / 2;
  for (const [index, length] of lengths.entries()) {
    const from = points[index];
    const to = points[index + 1];
    if (from && to && rest <= length) {
      const part = length ? rest / length : 0;
      return { left: from.x + (to.x - from.x) * part - left - 11, top: from.y + (to.y - from.y) * part - top - 11 };
    }
    rest -= length;
  }
  return registry.get(id) ? { top: 0, left: 0 } : {};
}

/** Both drawings show the same part of the plan. */
function together(drawings: Drawing[]): void {
  let following = false;
  for (const drawing of drawings) {
    drawing.events.on("canvas.viewbox.changed", () => {
      if (following) return;
      following = true;
      const { x, y, width, height } = drawing.canvas.viewbox();
      for (const other of drawings) {
        if (other !== drawing) other.canvas.viewbox({ x, y, width, height });
      }
      following = false;
    });
  }
}

function center(shape: Shape): { x: number; y: number } {
  const points = shape.waypoints;
  if (points?.length) {
    const xs = points.map((point) => point.x);
    const ys = points.map((point) => point.y);
    return { x: (Math.min(...xs) + Math.max(...xs)) / 2, y: (Math.min(...ys) + Math.max(...ys)) / 2 };
  }
  return { x: (shape.x ?? 0) + (shape.width ?? 0) / 2, y: (shape.y ?? 0) + (shape.height ?? 0) / 2 };
}

/** The part of the plan that everything marked lies in, as far as its names can be read there. */
function changedPart(drawings: Drawing[]): Box | undefined {
  const xs: number[] = [];
  const ys: number[] = [];
  for (const { container, registry } of drawings) {
    for (const [id, [, kind]] of Object.entries(JSON.parse(container.dataset["marks"] ?? "{}") as Marks)) {
      const shape = registry.get(id);
      if (!shape || kind === "lane") continue;
      for (const point of shape.waypoints ?? corners(shape)) {
        xs.push(point.x);
        ys.push(point.y);
      }
    }
  }
  const first = drawings[0]?.container;
  if (!xs.length || !first) return undefined;
  const left = Math.min(...xs) - MARGIN;
  const top = Math.min(...ys) - MARGIN;
  const right = Math.max(...xs) + MARGIN;
  const bottom = Math.max(...ys) + MARGIN;
  const ratio = first.clientHeight / first.clientWidth;
  const width = Math.max(right - left, (bottom - top) / ratio, first.clientWidth);
  const height = width * ratio;
  return { x: (left + right - width) / 2, y: (top + bottom - height) / 2, width, height };
}

function corners(shape: Shape): { x: number; y: number }[] {
  const { x = 0, y = 0, width = 0, height = 0 } = shape;
  return [{ x, y }, { x: x + width, y: y + height }];
}

/** Brings an element to the middle of the drawings, at a size at which its name can be read. */
function goTo(drawings: Drawing[], id: string): void {
  for (const drawing of drawings) {
    drawing.container.querySelectorAll(".diff-here").forEach((node) => node.classList.remove("diff-here"));
  }
  const holders = drawings.filter((drawing) => drawing.registry.get(id));
  const holder = holders.at(-1);
  const shape = holder?.registry.get(id);
  if (!holder || !shape) return;
  const width = Math.min(holder.container.clientWidth, 700);
  const height = width * (holder.container.clientHeight / holder.container.clientWidth);
  const { x, y } = center(shape);
  holder.canvas.viewbox({ x: x - width / 2, y: y - height / 2, width, height });
  for (const each of holders) each.canvas.addMarker(id, "diff-here");
  // On a phone the drawings lie above each other: the one that has the element is shown.
  holder.container.scrollIntoView({ block: "nearest" });
}

function linkList(section: HTMLElement, drawings: Drawing[]): void {
  for (const item of section.querySelectorAll<HTMLElement>("[data-element]")) {
    const id = item.dataset["element"] ?? "";
    const name = item.querySelector<HTMLElement>("[data-name]");
    if (!name || !drawings.some((drawing) => drawing.registry.get(id))) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = name.className;
    button.textContent = name.textContent;
    button.title = "Show it on the diagram";
    button.addEventListener("click", () => goTo(drawings, id));
    name.replaceWith(button);
  }
  for (const drawing of drawings) {
    drawing.events.on("element.click", ({ element }) => {
      for (const item of section.querySelectorAll<HTMLElement>("[data-element]")) {
        const clicked = item.dataset["element"] === element?.id;
        item.classList.toggle("is-here", clicked);
        if (clicked) item.scrollIntoView({ block: "nearest" });
      }
    });
  }
}

async function compare(section: HTMLElement): Promise<void> {
  const frame = section.querySelector<HTMLElement>(".diff-drawings");
  if (!frame) return;
  frame.hidden = false;
  const containers = [...frame.querySelectorAll<HTMLElement>("[data-drawing]")];
  const drawings = (await Promise.all(containers.map(draw))).filter((drawing) => drawing !== undefined);
  section.querySelector<HTMLElement>(".diff-legend")?.removeAttribute("hidden");
  linkList(section, drawings);
  const last = drawings.at(-1);
  if (last && drawings.length > 1) {
    together(drawings);
    const { x, y, width, height, inner } = last.canvas.viewbox();
    const part = changedPart(drawings);
    // What changed is shown large where it is only a part of the whole.
    const box = part && part.width < Math.max(width, inner.width) ? part : { x, y, width, height };
    for (const drawing of drawings) drawing.canvas.viewbox(box);
  }
  section.dataset["drawn"] = "";
}

for (const section of document.querySelectorAll<HTMLElement>("[data-comparison]")) void compare(section);
for (const container of document.querySelectorAll<HTMLElement>("[data-drawing]")) {
  if (!container.closest("[data-comparison]")) void draw(container);
}
