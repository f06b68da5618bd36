// Small windows that ask one thing.
import { el } from "./dom";

interface Question {
  title: string;
  text?: string;
  /** The label of a field to fill in; without one there is only yes or no. */
  field?: string;
  value?: string;
  long?: boolean;
  action: string;
  danger?: boolean;
  /** Something that is done with it unless its tick is taken away; `taken` hears which. */
  also?: { label: string; taken: (also: boolean) => void };
  /** Why an answer cannot be taken; an empty text where it can. */
  refuse?: (answer: string) => string;
}

/** Asks for a text or a yes; null for a no. */
export function ask(question: Question): Promise<string | null> {
  return new Promise((resolve) => {
    const field = question.long
      ? el("textarea", { rows: "3", id: "studio-answer" })
      : el("input", { type: "text", id: "studio-answer", autocomplete: "off" });
    field.value = question.value ?? "";
    const problem = el("p", { class: "form-field__error", role: "alert", hidden: true });
    const also = el("input", { type: "checkbox", checked: true });
    let answer: string | null = null;
    const form = el(
      "form", { method: "dialog" },
      el("h2", {}, question.title),
      question.text && el("p", {}, question.text),
      question.field && el(
        "div", { class: "form-field" },
        el("label", { class: "form-field__label", for: "studio-answer" }, question.field), field, problem,
      ),
      question.also && el("label", { class: "studio-check" }, also, ` ${question.also.label}`),
      el(
        "div", { class: "button-row" },
        el("button", { class: `button button--${question.danger ? "danger" : "primary"}` }, question.action),
        el("button", { class: "button", type: "button", click: () => window.close() }, "Cancel"),
      ),
    );
    const window = el("dialog", { class: "studio-dialog", "aria-label": question.title }, form);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const refused = question.refuse?.(field.value.trim()) ?? "";
      problem.textContent = refused;
      problem.hidden = !refused;
      if (refused) return;
      answer = field.value.trim();
      question.also?.taken(also.checked);
      window.close();
    });
    window.addEventListener("close", () => {
      window.remove();
      resolve(answer);
    });
    document.body.append(window);
    window.showModal();
    if (question.field) field.select();
  });
}

/** Shows something until it is closed. */
export function show(title: string, ...content: (Node | string)[]): void {
  const window = el(
    "dialog", { class: "studio-dialog", "aria-label": title },
    el("h2", {}, title), ...content,
    el("div", { class: "button-row" }, el("button", { class: "button", click: () => window.close() }, "Close")),
  );
  window.addEventListener("close", () => window.remove());
  document.body.append(window);
  window.showModal();
}
