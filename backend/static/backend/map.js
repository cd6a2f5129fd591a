// Shows the vector tiles that an element's data-tilejson names. Nothing is asked of any
// other host, and properties are shown as text, never as HTML.
(() => {
  "use strict";

  const COLOURS = {
    light: { point: "#0b6e4f", line: "#1f5fa8", polygon: "#8a4b00", chosen: "#c2185b", halo: "#ffffff", grid: "rgba(27,39,51,.18)", ink: "#5a6b7b" },
    dark: { point: "#5fd3a6", line: "#7db7ff", polygon: "#f0b35a", chosen: "#ff6fa5", halo: "#131d28", grid: "rgba(230,237,243,.16)", ink: "#9fb0c0" },
  };
  const HELP = "Point at something, or move with the arrow keys and press Enter.";
  // Pixels around the pointer, because lines and points are thin.
  const NEAR = [[0, 0], [4, 0], [-4, 0], [0, 4], [0, -4]];
  const DARK = matchMedia("(prefers-color-scheme: dark)");

  // A page that is light only, as the browsable API, keeps a light map.
  const scheme = (element) =>
    DARK.matches && getComputedStyle(element).colorScheme.includes("dark") ? "dark" : "light";

  const kind = (feature) => {
    const type = feature.getType();
    return type.includes("Point") ? "point" : type.includes("Line") ? "line" : "polygon";
  };

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
          name === "point" ? { image, zIndex: chosen ? 2 : 1 } : { fill, stroke, zIndex: chosen ? 1 : 0 }
        );
      }
    }
    return made;
  }

  function graticule(colours) {
    const text = (place) =>
      new ol.style.Text({ font: "11px system-ui, sans-serif", fill: new ol.style.Fill({ color: colours.ink }), ...place });
    return new ol.layer.Graticule({
      strokeStyle: new ol.style.Stroke({ color: colours.grid, width: 1 }),
      showLabels: true,
      wrapX: false,
      latLabelStyle: text({ textAlign: "end", offsetX: -4, textBaseline: "bottom" }),
      lonLabelStyle: text({ textAlign: "start", offsetX: 4, textBaseline: "bottom", offsetY: -4 }),
    });
  }

  function show(facts, feature) {
    const list = document.createElement("dl");
    const values = { ...(feature.getId() === undefined ? {} : { id: feature.getId() }), ...feature.getProperties() };
    for (const [name, value] of Object.entries(values)) {
      if (name === "layer") continue; // of OpenLayers
      const term = document.createElement("dt");
      const text = document.createElement("dd");
      term.textContent = name;
      text.textContent = String(value);
      list.append(term, text);
    }
    facts.replaceChildren(list);
  }

  function say(facts, text) {
    const line = document.createElement("p");
    line.textContent = text;
    facts.replaceChildren(line);
  }

  async function read(url) {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    return answer.json();
  }

  function square(bounds) {
    const [west, south, east, north] = bounds || [-180, -85, 180, 85];
    const low = (latitude) => Math.max(-85, Math.min(85, latitude));
    return ol.proj.transformExtent([west, low(south), east, low(north)], "EPSG:4326", "EPSG:3857");
  }

  function build(element, facts, target, tilejson) {
    let made = styles(COLOURS[element.dataset.scheme]);
    let chosen = null;
    let pinned = false;
    const source = new ol.source.VectorTile({
      format: new ol.format.MVT(),
      url: tilejson.tiles[0],
      minZoom: tilejson.minzoom,
      maxZoom: tilejson.maxzoom,
      wrapX: false,
    });
    const key = (feature) => feature && (feature.getId() ?? JSON.stringify(feature.getProperties()));
    const layer = new ol.layer.VectorTile({
      source,
      style: (feature) => made[`${kind(feature)} ${chosen !== null && key(feature) === chosen}`],
    });
    let grid = graticule(COLOURS[element.dataset.scheme]);
    const map = new ol.Map({
      target,
      layers: [grid, layer],
      controls: ol.control.defaults.defaults({ attribution: false }).extend([new ol.control.ScaleLine()]),
      view: new ol.View({ projection: "EPSG:3857", center: [0, 0], zoom: 0, minZoom: 0, maxZoom: 22 }),
    });
    map.getView().fit(square(tilejson.bounds), { padding: [24, 24, 24, 24], maxZoom: 17 });

    const at = async (pixel) => {
      for (const [right, down] of NEAR) {
        const found = await layer.getFeatures([pixel[0] + right, pixel[1] + down]);
        if (found.length) return found[0];
      }
      return null;
    };
    const choose = (feature) => {
      const one = feature ? key(feature) : null;
      if (one === chosen) return;
      chosen = one;
      layer.changed();
      if (feature) show(facts, feature);
      else say(facts, HELP);
    };
    say(facts, HELP);
    let asked = 0;
    const ask = async (pixel, pin) => {
      const turn = ++asked;
      const feature = await at(pixel);
      if (turn !== asked) return; // the pointer has moved on
      target.style.cursor = feature ? "pointer" : "";
      if (pin) pinned = feature !== null;
      if (pin || !pinned) choose(feature);
    };
    map.on("pointermove", (event) => event.dragging || ask(event.pixel, false));
    map.on("click", (event) => ask(event.pixel, true));
    target.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target === target) ask(map.getSize().map((side) => side / 2), true);
    });
    source.on("tileloaderror", () => say(facts, "A part of the map could not be read from the API."));
    map.on("rendercomplete", () => {
      const seen = layer.getFeaturesInExtent(map.getView().calculateExtent());
      element.dataset.features = new Set(seen.map(key)).size;
    });
    DARK.addEventListener("change", () => {
      element.dataset.scheme = scheme(element);
      made = styles(COLOURS[element.dataset.scheme]);
      map.removeLayer(grid);
      grid = graticule(COLOURS[element.dataset.scheme]);
      map.getLayers().insertAt(0, grid);
      layer.changed();
    });
  }

  async function start(element) {
    element.dataset.scheme = scheme(element);
    const target = document.createElement("div");
    target.className = "tile-map-view";
    target.tabIndex = 0;
    target.setAttribute("role", "application");
    target.setAttribute("aria-label", `Map of ${element.dataset.title}: arrow keys move, plus and minus zoom, Enter tells what is in the middle`);
    const facts = document.createElement("div");
    facts.className = "tile-map-facts";
    facts.setAttribute("aria-live", "polite");
    element.append(target, facts);
    try {
      build(element, facts, target, await read(element.dataset.tilejson));
    } catch (error) {
      say(facts, `The map cannot be shown: ${error.message}`);
      element.dataset.error = error.message;
    }
  }

  document.querySelectorAll("[data-tilejson]").forEach(start);
})();
