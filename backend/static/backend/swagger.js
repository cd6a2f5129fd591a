// Adds the labels for screen readers that Swagger UI's page lacks.
document.documentElement.lang ||= "en";
insertionQ("#download-url-input").every((field) => field.setAttribute("aria-label", "Address of the OpenAPI document"));
