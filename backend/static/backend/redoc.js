document.documentElement.lang ||= "en"; // for screen readers
// ReDoc loads its logo from its maker's host, but this page must contact only this API. With an empty
// image instead, ReDoc leaves the logo out. React sets `src` in both of these ways.
const own = (url) => (String(url).startsWith("https://cdn.redoc.ly/") ? "data:," : url);
const image = HTMLImageElement.prototype;
const src = Object.getOwnPropertyDescriptor(image, "src");
Object.defineProperty(image, "src", { ...src, set(url) { src.set.call(this, own(url)); } });
image.setAttribute = function (name, value) {
  Element.prototype.setAttribute.call(this, name, own(value));
};
// On a phone, redoc.css shows only open operations. The heading, the menu, and a link to an operation
// open it.
(() => {
  const OPERATION = "[data-section-id^='tag/'][data-section-id*='/operation/']";
  const set = (operation, open) => {
    operation.toggleAttribute("data-open", open);
    operation.querySelector("h2 a")?.setAttribute("aria-expanded", open);
  };
  const open = (id) => {
    const operation = document.getElementById(id);
    if (operation?.matches(OPERATION)) set(operation, true);
  };
  // insertionQ is loaded after this script.
  document.addEventListener("DOMContentLoaded", () =>
    insertionQ(OPERATION).every((operation) => set(operation, operation.id === decodeURIComponent(location.hash.slice(1)))));
  const follow = (event) => {
    const heading = event.target.closest(`${OPERATION} h2`);
    if (heading && event.type === "click") {
      const operation = heading.closest(OPERATION);
      set(operation, !operation.hasAttribute("data-open"));
    }
    const item = event.target.closest("[data-item-id]");
    if (item && (event.type === "click" || event.key === "Enter")) open(item.dataset.itemId);
  };
  for (const type of ["click", "keydown"]) document.addEventListener(type, follow, true);
  addEventListener("hashchange", () => open(decodeURIComponent(location.hash.slice(1))));

  // ReDoc does not have a dark mode. redoc-init.js reads these settings after this script.
  const settings = document.getElementById("redoc-settings");
  const font = "system-ui, sans-serif";
  const typography = { fontFamily: font, headings: { fontFamily: font, fontWeight: "700" } };
  const light = { colors: { primary: { main: "#0b6e4f" } }, rightPanel: { backgroundColor: "#1b2733" }, fab: { color: "#0b6e4f" }, typography };
  const [ink, soft, card, line, accent] = ["#e6edf3", "#9fb0c0", "#172230", "#2a394a", "#5fd3a6"];
  const dark = {
    colors: {
      primary: { main: accent }, success: { main: accent }, error: { main: "#ff8a80" },
      text: { primary: ink, secondary: soft }, border: { dark: line, light: line }, gray: { 50: card, 100: line },
      responses: { success: { color: accent, backgroundColor: card, tabTextColor: "#2e9468" }, error: { color: "#ff8a80", backgroundColor: card, tabTextColor: "#d9534f" }, redirect: { color: "#f0b35a", backgroundColor: card } },
    },
    schema: { nestedBackground: card, linesColor: line, typeNameColor: soft, typeTitleColor: soft, requireLabelColor: "#ff8a80", arrow: { color: soft } },
    typography: { ...typography, code: { color: accent, backgroundColor: card }, links: { color: accent, visited: accent, hover: ink } },
    sidebar: { backgroundColor: card, textColor: ink, activeTextColor: accent },
    rightPanel: { backgroundColor: card },
    fab: { backgroundColor: card, color: accent },
  };
  const theme = matchMedia("(prefers-color-scheme: dark)").matches ? dark : light;
  // Comments of a database can contain links, such as [here](javascript:...).
  const others = { sanitize: true, theme: JSON.stringify(theme) };
  settings.textContent = JSON.stringify({ ...JSON.parse(settings.textContent), ...others });
})();
