// The browsable API: shows the features of a response on a map above it.
(() => {
  "use strict";

  const GEOMETRIES = ["Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection"];
  // Characters. A longer response would block the page for seconds.
  const LONGEST = 5e6;
  // How deep in the response the rows can be: {"data": {"results": [row]}}.
  const DEEPEST = 4;

  const isObject = (value) => value !== null && typeof value === "object";
  const isGeometry = (value) =>
    isObject(value) && GEOMETRIES.includes(value.type) && (value.coordinates ?? value.geometries)?.length > 0;

  // Finds features, and objects that have a geometry as a value.
  function find(value, depth = 0) {
    if (!isObject(value) || depth > DEEPEST) return [];
    if (Array.isArray(value)) return value.flatMap((item) => find(item, depth + 1));
    if (value.type === "Feature") return isGeometry(value.geometry) ? [value] : [];
    if (isGeometry(value)) return [{ type: "Feature", geometry: value, properties: {} }];
    const geometry = Object.keys(value).find((name) => isGeometry(value[name]));
    if (geometry === undefined) return Object.values(value).flatMap((item) => find(item, depth + 1));
    const { [geometry]: found, id, ...properties } = value;
    return [{ type: "Feature", id, geometry: found, properties }];
  }

  function body() {
    const shown = document.querySelector(".response-info pre")?.cloneNode(true);
    shown?.querySelector(".meta")?.remove(); // status and headers
    return shown?.textContent ?? "";
  }

  function features(text) {
    try {
      return find(JSON.parse(text));
    } catch {
      return []; // the format is not JSON
    }
  }

  function load(files) {
    for (const url of files) {
      const style = url.split("?")[0].endsWith(".css");
      const element = document.createElement(style ? "link" : "script");
      if (style) Object.assign(element, { rel: "stylesheet", href: url });
      else Object.assign(element, { src: url, async: false }); // scripts run in this order
      document.head.append(element);
    }
  }

  const box = document.querySelector(".response-map");
  const text = box ? body() : "";
  if (text && text.length <= LONGEST) {
    const found = features(text);
    if (found.length) {
      box.querySelector(".tile-map").features = found;
      box.hidden = false;
      load(box.dataset.files.split(" "));
    }
  }
})();
