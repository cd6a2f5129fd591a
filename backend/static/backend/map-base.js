// The parts that all maps of the image share: colors, the background, and labels for screen readers.
// They contact no other host, except the tile server that MAP_TILE_URL names, and OpenStreetMap if
// the user asks for streets.
const backendMap = (() => {
  "use strict";

  const COLORS = {
    light: { point: "#0b6e4f", line: "#1f5fa8", polygon: "#8a4b00", chosen: "#c2185b", halo: "#ffffff", water: "#eef2f5", grid: "rgba(27,39,51,.18)", ink: "#5a6b7b", land: "#f7f6f1", shore: "#c9c7bb", river: "#b3cadd", border: "#b9a9bd" },
    dark: { point: "#5fd3a6", line: "#7db7ff", polygon: "#f0b35a", chosen: "#ff6fa5", halo: "#131d28", water: "#131d28", grid: "rgba(230,237,243,.16)", ink: "#9fb0c0", land: "#1d2a3a", shore: "#3a4d63", river: "#33597d", border: "#5d5570" },
  };
  // Meters per pixel at which outlines would be visibly wrong. Below the first number, the detailed
  // outlines replace the coarse ones. Below the second, there are no outlines.
  const COARSE_FROM = 5000;
  const DETAILED_FROM = 150;
  const WHOLE_WORLD = 156543; // meters per pixel at zoom 0
  const STREETS = "backend-streets"; // in the browser's storage, if the user chose streets
  const DARK = matchMedia("(prefers-color-scheme: dark)");

  // A page without a dark mode keeps a light map. In the admin, the user can switch.
  function scheme(element) {
    const schemes = getComputedStyle(element).colorScheme;
    return schemes.includes("dark") && (DARK.matches || !schemes.includes("light")) ? "dark" : "light";
  }

  // A feature of a vector tile has getType() itself; any other feature has a geometry.
  const kind = (feature) => {
    const type = (feature.getType ? feature : feature.getGeometry()).getType();
    return type.includes("Point") ? "point" : type.includes("Line") ? "line" : "polygon";
  };

  const between = (least, value, most) => Math.max(least, Math.min(value, most));

  // The keys are the kind, and whether the feature is the chosen one: "point false".
  function styles(colors) {
    const made = {};
    for (const name of ["point", "line", "polygon"]) {
      for (const chosen of [false, true]) {
        const color = chosen ? colors.chosen : colors[name];
        const width = chosen ? 3 : name === "line" ? 2 : 1;
        const fill = new ol.style.Fill({ color: name === "polygon" ? `${color}44` : color });
        const stroke = new ol.style.Stroke({ color: name === "point" ? colors.halo : color, width: name === "point" ? 1 : width });
        const image = new ol.style.Circle({ radius: chosen ? 7 : 4, fill, stroke });
        made[`${name} ${chosen}`] = new ol.style.Style(
          name === "line" ? { fill, stroke, zIndex: chosen ? 1 : 0 } : { image, fill, stroke, zIndex: (name === "point" ? 1 : 0) + chosen }
        );
      }
    }
    made.points = points(colors);
    return made;
  }

  // Points grow with the zoom. Where they are crowded, they are smaller and more transparent, so that
  // the densest place is the darkest. In a sample, a point is as dark as all the points that it
  // represents would be together.
  function points(colors) {
    const made = {};
    return (zoom, crowd, sample) => {
      const alone = crowd < 2;
      const least = { radius: between(1.5, 1.5 + (zoom - 10) * 0.4, 4), alpha: between(0.06, (zoom - 7) * 0.05, 0.5) };
      const radius = alone ? between(3.5, 4 + (zoom - 14) / 2, 6) : Math.max(least.radius, 4 * crowd ** -0.2);
      // Together, the points of a square cover the area of the square.
      const alpha = alone ? 1 : between(least.alpha, 60 / (Math.PI * radius ** 2 * crowd), 0.9);
      const [size, opacity] = [Math.round(4 * radius) / 4, Math.round(50 * (1 - (1 - alpha) ** sample)) / 50];
      return (made[`${size} ${opacity}`] ??= new ol.style.Style({
        image: new ol.style.Circle({
          radius: size,
          fill: new ol.style.Fill({ color: [...ol.color.fromString(colors.point).slice(0, 3), opacity] }),
          stroke: alone ? new ol.style.Stroke({ color: colors.halo, width: 1 }) : undefined,
        }),
        zIndex: 1,
      }));
    };
  }

  function graticule(colors) {
    const text = (place) =>
      new ol.style.Text({ font: "11px system-ui, sans-serif", fill: new ol.style.Fill({ color: colors.ink }), ...place });
    return new ol.layer.Graticule({
      // Pixels between opposite corners of a cell at the equator. Elsewhere, a cell has the same
      // width. The longest label must fit between two meridians.
      targetSize: 130,
      strokeStyle: new ol.style.Stroke({ color: colors.grid, width: 1 }),
      showLabels: true,
      wrapX: false,
      latLabelStyle: text({ textAlign: "end", offsetX: -4, textBaseline: "bottom" }),
      lonLabelStyle: text({ textAlign: "start", offsetX: 4, textBaseline: "bottom", offsetY: -4 }),
    });
  }

  function outlines(colors, url, range) {
    const stroke = (color, lineDash) => new ol.style.Stroke({ color, width: 1, lineDash });
    const land = new ol.style.Style({ fill: new ol.style.Fill({ color: colors.land }), stroke: stroke(colors.shore) });
    const rivers = new ol.style.Style({ stroke: stroke(colors.river), zIndex: 1 });
    const lakes = new ol.style.Style({ fill: new ol.style.Fill({ color: colors.water }), stroke: stroke(colors.shore), zIndex: 2 });
    const borders = new ol.style.Style({ stroke: stroke(colors.border, [4, 3]), zIndex: 3 });
    const made = { land, rivers, lakes, borders };
    const format = new ol.format.TopoJSON({ layerName: "layer" });
    return new ol.layer.Vector({
      source: new ol.source.Vector({ url, format, wrapX: false }),
      // Without outlines, everything is land, because hardly any data lies in water.
      background: (resolution) => (resolution < DETAILED_FROM ? colors.land : undefined),
      style: (feature, resolution) => (resolution < DETAILED_FROM ? null : made[feature.get("layer")]),
      ...range,
    });
  }

  // Names of places, the largest first. The map shows more of them as it zooms in.
  function places(colors, url) {
    const source = new ol.source.Vector({
      wrapX: false,
      loader: async (extent, resolution, projection, done, failed) => {
        try {
          const rows = await (await fetch(url)).json();
          const features = rows.map(([name, ...lonlat], rank) => new ol.Feature({ geometry: new ol.geom.Point(ol.proj.fromLonLat(lonlat, projection)), name, rank }));
          source.addFeatures(features);
          done(features);
        } catch {
          failed();
        }
      },
    });
    const text = new ol.style.Text({
      font: "600 12px system-ui, sans-serif",
      fill: new ol.style.Fill({ color: colors.ink }),
      stroke: new ol.style.Stroke({ color: colors.halo, width: 3 }),
      padding: [6, 6, 6, 6],
      offsetY: -14, // rows at the center of a city are visible
    });
    const style = new ol.style.Style({ text });
    return new ol.layer.Vector({
      source,
      declutter: true,
      zIndex: 1, // above the data, which hides them where it is dense
      style: (feature, resolution) => {
        const zoom = Math.log2(WHOLE_WORLD / resolution);
        if (feature.get("rank") > 8 * 2.3 ** zoom) return null;
        text.setText(feature.get("name"));
        return style;
      },
    });
  }

  function tiles(url, attribution) {
    const text = document.createElement("span");
    text.textContent = attribution;
    return new ol.layer.Tile({
      source: new ol.source.XYZ({
        url,
        attributions: attribution ? [text.outerHTML] : [],
        // OpenStreetMap's servers reject requests without a referrer.
        // https://operations.osmfoundation.org/policies/tiles/
        referrerPolicy: "strict-origin-when-cross-origin",
      }),
    });
  }

  // Whether maps show OpenStreetMap's streets, which the user chooses.
  class Streets extends EventTarget {
    constructor() {
      super();
      try {
        this.shown = localStorage.getItem(STREETS) !== null;
      } catch {
        this.shown = false; // the browser blocks its storage, so the choice ends with the page
      }
      // A click in another tab.
      addEventListener("storage", (event) => {
        if (event.key !== STREETS && event.key !== null) return;
        this.shown = event.key !== null && event.newValue !== null;
        this.dispatchEvent(new Event("change"));
      });
    }

    toggle() {
      this.shown = !this.shown;
      this.dispatchEvent(new Event("change"));
      try {
        if (this.shown) localStorage.setItem(STREETS, "shown");
        else localStorage.removeItem(STREETS);
      } catch {} // as above
    }
  }
  const streets = new Streets();

  function streetsControl() {
    const element = document.createElement("div");
    element.className = "map-streets ol-control";
    const button = document.createElement("button");
    button.type = "button"; // in a form, it would send the form
    button.textContent = "Streets";
    button.title = "Streets from openstreetmap.org: your browser loads images from there, on all maps here, until you click again.";
    const tell = () => button.setAttribute("aria-pressed", streets.shown);
    tell();
    streets.addEventListener("change", tell);
    button.addEventListener("click", () => streets.toggle());
    element.append(button);
    return new ol.control.Control({ element });
  }

  // The page's styles invert the images for a dark map, which OpenStreetMap does not have.
  const openStreetMap = (isDark) =>
    new ol.layer.Tile({ source: new ol.source.OSM(), className: isDark ? "ol-layer map-dark-streets" : "ol-layer" });

  // The layers below the data. The template tag {% map_background %} sets the element's attributes.
  function background(element) {
    const group = new ol.layer.Group();
    const hasStreets = "streets" in element.dataset;
    group.set("hasStreets", hasStreets);
    const draw = () => {
      const { land, coast, tileUrl, tileAttribution } = element.dataset;
      const colors = COLORS[scheme(element)];
      const world = () => [
        outlines(colors, land, { minResolution: COARSE_FROM }),
        outlines(colors, coast, { maxResolution: COARSE_FROM }),
        places(colors, element.dataset.places),
      ];
      let below = [];
      if (tileUrl) below = [tiles(tileUrl, tileAttribution)];
      else if (hasStreets && streets.shown) below = [openStreetMap(colors === COLORS.dark)];
      else if (land) below = world();
      group.setLayers(new ol.Collection([...below, graticule(colors)]));
    };
    draw();
    DARK.addEventListener("change", draw);
    streets.addEventListener("change", draw);
    return group;
  }

  // `below` is the map's background, if it has one.
  function controls(below) {
    const made = ol.control.defaults.defaults({ attributionOptions: { collapsible: false } });
    made.push(new ol.control.ScaleLine());
    if (below?.get("hasStreets")) made.push(streetsControl());
    return made;
  }

  // With the focus, the arrow keys move the map.
  function name(target, text) {
    target.tabIndex = 0;
    target.setAttribute("role", "application");
    target.setAttribute("aria-label", text);
  }

  return { COLORS, DARK, scheme, kind, styles, background, controls, name };
})();
