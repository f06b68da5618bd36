// What of Swagger UI is used here; the package has no types of its own.
declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  export interface ApiRequest {
    url: string;
    headers: Record<string, string>;
  }

  export interface Options {
    spec: object;
    domNode: HTMLElement;
    deepLinking: boolean;
    filter: boolean;
    docExpansion: "list" | "full" | "none";
    defaultModelsExpandDepth: number;
    defaultModelRendering: "example" | "model";
    validatorUrl: null;
    persistAuthorization: boolean;
    withCredentials: boolean;
    syntaxHighlight: { activated: boolean };
    requestInterceptor: (request: ApiRequest) => ApiRequest;
    onComplete: () => void;
  }

  export default function SwaggerUI(options: Options): unknown;
}
