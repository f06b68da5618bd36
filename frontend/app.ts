// What every page has: closing messages, sending filters at once, buttons that show they were pressed or copy.
import "./bell";

function closableMessages(): void {
  for (const flash of document.querySelectorAll<HTMLElement>("[data-flash]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "flash__close";
    button.setAttribute("aria-label", "Close this message");
    button.textContent = "✕";
    button.addEventListener("click", () => flash.remove());
    flash.append(button);
  }
}

/** Filters apply as soon as they are chosen; the button for it is only needed without scripts. */
function immediateFilters(): void {
  const filters = "select[data-submit-on-change], input[data-submit-on-change]";
  for (const filter of document.querySelectorAll<HTMLSelectElement | HTMLInputElement>(filters)) {
    filter.addEventListener("change", () => filter.form?.requestSubmit());
  }
}

/** Empty filters stay out of the address, so that it is fit to be sent to a colleague. */
function tidyAddresses(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form.filters")) {
    form.addEventListener("submit", () => {
      const fields = form.querySelectorAll<HTMLInputElement | HTMLSelectElement>("input[name], select[name]");
      for (const field of fields) {
        if (!field.value) field.disabled = true;
      }
      setTimeout(() => {
        for (const field of fields) field.disabled = false;
      });
    });
  }
}

/** A form is sent once: its button turns into a spinner until the next page is there. */
function sendOnce(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    event.submitter?.setAttribute("data-busy", "");
  });
  // Coming back with the browser's Back button finds the form ready again.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll<HTMLFormElement>("form[data-sent]")) delete form.dataset.sent;
    for (const button of document.querySelectorAll("[data-busy]")) button.removeAttribute("data-busy");
  });
}

function printButtons(): void {
  for (const button of document.querySelectorAll<HTMLElement>("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }
}

/** Buttons that copy what a field shows. Without a secure address browsers let nobody copy. */
function copyButtons(): void {
  for (const button of document.querySelectorAll<HTMLElement>("[data-copy]")) {
    const field = document.getElementById(button.dataset.copy ?? "") as HTMLInputElement | null;
    if (!field || !navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      field.select();
      await navigator.clipboard.writeText(field.value).then(
        () => button.replaceChildren("Copied"),
        () => button.replaceChildren("Copy it by hand"),
      );
    });
  }
}

closableMessages();
immediateFilters();
tidyAddresses();
sendOnce();
printButtons();
copyButtons();
document.querySelector<HTMLElement>(".error-summary")?.focus();
