// The documentation of the API, to browse and to try. It is drawn from the OpenAPI document of this very
// site; calls go to this site, and with the session of whoever is signed in to the pages.
import "swagger-ui-dist/swagger-ui.css";
import "./css/api-docs.css";
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";

interface Document {
  paths: Record<string, Record<string, { responses: Record<string, { content?: object }> }>>;
  servers: { url: string }[];
}

/** All problems have one shape, which the text above the endpoints tells: drawing it a thousand times takes long. */
function withoutProblems(spec: Document): Document {
  for (const operation of Object.values(spec.paths).flatMap((path) => Object.values(path))) {
    for (const [status, response] of Object.entries(operation.responses)) {
      if (status >= "400") delete response.content;
    }
  }
  return spec;
}

async function show(container: HTMLElement): Promise<void> {
  const { document: address = "", api = "", csrf } = container.dataset;
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address} answers ${answer.status}`);
  const spec = withoutProblems({ ...((await answer.json()) as Document), servers: [{ url: api }] });
  SwaggerUI({
    spec,
    domNode: container,
    deepLinking: true,
    filter: true,
    // 180 endpoints at once take a phone seconds to draw: the tags come first.
    docExpansion: "none",
    defaultModelsExpandDepth: -1, // each is shown where it is used
    defaultModelRendering: "model",
    validatorUrl: null, // nobody else is told about this site
    persistAuthorization: false,
    withCredentials: true,
    // Drawing the syntax of a long answer in colours takes seconds on a phone.
    syntaxHighlight: { activated: false },
    requestInterceptor: (request) => {
      if (csrf && new URL(request.url, location.href).origin === location.origin) {
        request.headers["X-CSRFToken"] = csrf;
      }
      return request;
    },
    onComplete: () => {
      container.setAttribute("aria-busy", "false");
      name(container);
    },
  });
  let asked = 0;
  new MutationObserver(() => {
    cancelAnimationFrame(asked); // once for all changes of a moment
    asked = requestAnimationFrame(() => name(container));
  }).observe(container, { childList: true, subtree: true });
}

/** Gives the library's nameless fields a name for those who hear the page. */
function name(container: HTMLElement): void {
  const filter = container.querySelector<HTMLInputElement>(".operation-filter-input:not([aria-label])");
  if (filter) {
    filter.placeholder = "Machines, Analytics, …";
    filter.setAttribute("aria-label", "Show only the tags that contain");
  }
  for (const row of container.querySelectorAll<HTMLElement>("tr[data-param-name]")) {
    const text = row.dataset.paramName ?? "";
    for (const field of row.querySelectorAll("input:not([aria-label]), select:not([aria-label]), textarea:not([aria-label])")) {
      field.setAttribute("aria-label", text);
    }
  }
  for (const field of container.querySelectorAll(".body-param__text:not([aria-label])")) {
    field.setAttribute("aria-label", "Body");
  }
}

function shade(): void {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", shade);
shade();

const container = document.querySelector<HTMLElement>("[data-document]");
if (container) void show(container);
