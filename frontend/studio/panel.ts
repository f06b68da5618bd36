// The drawer below the editors: problems, scenarios and impact, one at a time.
import { el, part } from "./dom";

export type Page = "problems" | "scenarios" | "impact";

export class Drawer {
  private readonly drawer = part("[data-drawer]");

  constructor() {
    for (const button of document.querySelectorAll<HTMLElement>("[data-open]")) {
      button.addEventListener("click", () => this.open(button.dataset.open as Page, button.matches("[data-toggle]")));
    }
    part("[data-drawer-close]").addEventListener("click", () => this.close());
  }

  /** Shows a page of the drawer; with `toggle`, closes the drawer where that page is shown already. */
  open(page: Page, toggle = false): void {
    if (toggle && !this.drawer.hidden && this.drawer.dataset.page === page) {
      this.close();
      return;
    }
    this.drawer.hidden = false;
    this.drawer.dataset.page = page;
    for (const each of document.querySelectorAll<HTMLElement>("[data-page-of-drawer]")) {
      each.hidden = each.dataset.pageOfDrawer !== page;
    }
    this.press(page);
  }

  close(): void {
    this.drawer.hidden = true;
    this.press("");
  }

  /** The place where a page's content goes. */
  content(page: Page): HTMLElement {
    return part(`[data-page-of-drawer="${page}"] [data-content]`);
  }

  private press(page: string): void {
    for (const button of document.querySelectorAll<HTMLElement>("[data-open]")) {
      button.setAttribute("aria-expanded", String(button.dataset.open === page));
    }
  }
}

/** A sentence in place of content. */
export function remark(text: string, tone = ""): HTMLElement {
  return el("p", { class: `studio-remark${tone ? ` studio-remark--${tone}` : ""}` }, text);
}
