// What all maps of the image share: colours, what lies below the data, names for who cannot see.
// Only the tile server that MAP_TILE_URL names, if any, is another host.
const backendMap = (() => {
  "use strict";

  const COLOURS = {
    light: { point: "#0b6e4f", line: "#1f5fa8", polygon: "#8a4b00", chosen: "#c2185b", halo: "#ffffff", grid: "rgba(27,39,51,.18)", ink: "#5a6b7b", land: "#f7f6f1", shore: "#c9c7bb" },
    dark: { point: "#5fd3a6", line: "#7db7ff", polygon: "#f0b35a", chosen: "#ff6fa5", halo: "#131d28", grid: "rgba(230,237,243,.16)", ink: "#9fb0c0", land: "#1d2a3a", shore: "#3a4d63" },
  };
  // The outlines are coarse: metres a pixel, below which they would be wrong by a finger's breadth.
  const OUTLINES_FROM = 600;
  const DARK = matchMedia("(prefers-color-scheme: dark)");

  // A page that is light only, as the browsable API, keeps a light map; the admin has a switch.
  function scheme(element) {
    const schemes = getComputedStyle(element).colorScheme;
    return schemes.includes("dark") && (DARK.matches || !schemes.includes("light")) ? "dark" : "light";
  }

  // A vector tile's feature knows its type by itself.
  const kind = (feature) => {
    const type = (feature.getType ? feature : feature.getGeometry()).getType();
    return type.includes("Point") ? "point" : type.includes("Line") ? "line" : "polygon";
  };

  // By kind and whether it is the chosen one: "point false".
  function styles(colours) {
    const made = {};
    for (const name of ["point", "line", "polygon"]) {
      for (const chosen of [false, true]) {
        const colour = chosen ? colours.chosen : colours[name];
        const width = chosen ? 3 : name === "line" ? 2 : 1;
        const fill = new ol.style.Fill({ color: name === "polygon" ? `${colour}44` : colour });
        const stroke = new ol.style.Stroke({ color: name === "point" ? colours.halo : colour, width: name === "point" ? 1 : width });
        const image = new ol.style.Circle({ radius: chosen ? 7 : 4, fill, stroke });
        made[`${name} ${chosen}`] = new ol.style.Style(
          name === "line" ? { fill, stroke, zIndex: chosen ? 1 : 0 } : { image, fill, stroke, zIndex: (name === "point" ? 1 : 0) + chosen }
        );
      }
    }
    return made;
  }

  function graticule(colours) {
    const text = (place) =>
      new ol.style.Text({ font: "11px system-ui, sans-serif", fill: new ol.style.Fill({ color: colours.ink }), ...place });
    return new ol.layer.Graticule({
      // Pixels between the corners of a cell at the equator, which is as wide elsewhere: so that the
      // longest label fits between two meridians.
      targetSize: 130,
      strokeStyle: new ol.style.Stroke({ color: colours.grid, width: 1 }),
      showLabels: true,
      wrapX: false,
      latLabelStyle: text({ textAlign: "end", offsetX: -4, textBaseline: "bottom" }),
      lonLabelStyle: text({ textAlign: "start", offsetX: 4, textBaseline: "bottom", offsetY: -4 }),
    });
  }

  function outlines(colours, url) {
    return new ol.layer.Vector({
      source: new ol.source.Vector({ url, format: new ol.format.TopoJSON(), wrapX: false }),
      minResolution: OUTLINES_FROM,
      style: new ol.style.Style({
        fill: new ol.style.Fill({ color: colours.land }),
        stroke: new ol.style.Stroke({ color: colours.shore, width: 1 }),
      }),
    });
  }

  function tiles(url, attribution) {
    const text = document.createElement("span");
    text.textContent = attribution;
    return new ol.layer.Tile({
      source: new ol.source.XYZ({
        url,
        attributions: attribution ? [text.outerHTML] : [],
        // Servers of OpenStreetMap's refuse who does not say which site asks.
        referrerPolicy: "strict-origin-when-cross-origin",
      }),
    });
  }

  // A layer of what lies below the data, of what {% map_background %} wrote at the element.
  function background(element) {
    const group = new ol.layer.Group();
    const draw = () => {
      const { land, tileUrl, tileAttribution } = element.dataset;
      const colours = COLOURS[scheme(element)];
      const below = tileUrl ? [tiles(tileUrl, tileAttribution)] : land ? [outlines(colours, land)] : [];
      group.setLayers(new ol.Collection([...below, graticule(colours)]));
    };
    draw();
    DARK.addEventListener("change", draw);
    return group;
  }

  const controls = () =>
    ol.control.defaults.defaults({ attributionOptions: { collapsible: false } }).extend([new ol.control.ScaleLine()]);

  // Focus lets the arrow keys move it.
  function name(target, text) {
    target.tabIndex = 0;
    target.setAttribute("role", "application");
    target.setAttribute("aria-label", text);
  }

  return { COLOURS, DARK, scheme, kind, styles, background, controls, name };
})();
