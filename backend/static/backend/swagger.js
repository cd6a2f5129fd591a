// Names for who cannot see, which Swagger UI's page leaves out.
document.documentElement.lang ||= "en";
insertionQ("#download-url-input").every((field) => field.setAttribute("aria-label", "Address of the OpenAPI document"));
