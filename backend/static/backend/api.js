// The browsable API: adds the labels for screen readers that REST framework's page lacks.
(() => {
  "use strict";
  document.documentElement.lang ||= "en";
  document.querySelector(".format-selection .dropdown-toggle")?.setAttribute("aria-label", "Format of the response");
  document.querySelectorAll(".pagination .disabled a[href='#']").forEach((link) => link.setAttribute("aria-label", "More pages"));
  document.querySelectorAll(".form-group").forEach((group, index) => {
    const label = group.querySelector("label.control-label");
    const field = group.querySelector("input:not([type=hidden]), select, textarea");
    if (!label || !field || label.htmlFor) return;
    field.id ||= `field-${index}`;
    label.htmlFor = field.id;
  });
})();
