// Shows the vector tiles that an element's data-tilejson names, or the GeoJSON features that a
// script put at it as `features`. Properties are shown as text, never as HTML.
(() => {
  "use strict";

  const HELP = "Point at something, or move with the arrow keys and press Enter.";
  // Pixels around the pointer, because lines and points are thin.
  const NEAR = [[0, 0], [4, 0], [-4, 0], [0, 4], [0, -4]];
  const MERCATOR = "EPSG:3857";

  const key = (feature) => feature && (feature.getId() ?? JSON.stringify(values(feature)));

  function values(feature) {
    const found = { ...feature.getProperties() };
    if (!feature.getType) delete found[feature.getGeometryName()];
    delete found.layer; // of OpenLayers
    return found;
  }

  function show(facts, feature) {
    const list = document.createElement("dl");
    const id = feature.getId() === undefined ? {} : { id: feature.getId() };
    for (const [name, value] of Object.entries({ ...id, ...values(feature) })) {
      const term = document.createElement("dt");
      const text = document.createElement("dd");
      term.textContent = name;
      text.textContent = value !== null && typeof value === "object" ? JSON.stringify(value) : String(value);
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
    return ol.proj.transformExtent([west, low(south), east, low(north)], "EPSG:4326", MERCATOR);
  }

  // What is drawn, and where: the layer, the projection of the view, the extent to begin with.
  async function ofTiles(url, style) {
    const tilejson = await read(url);
    const source = new ol.source.VectorTile({
      format: new ol.format.MVT(),
      url: tilejson.tiles[0],
      minZoom: tilejson.minzoom,
      maxZoom: tilejson.maxzoom,
      wrapX: false,
    });
    const layer = new ol.layer.VectorTile({ source, style });
    const seen = (extent) => layer.getFeaturesInExtent(extent);
    return { layer, seen, projection: MERCATOR, extent: square(tilejson.bounds) };
  }

  function ofFeatures(features, style) {
    const collection = { type: "FeatureCollection", features };
    const [west, south, east, north] = new ol.source.Vector({ features: new ol.format.GeoJSON().readFeatures(collection) }).getExtent();
    // GeoJSON is in degrees. Coordinates that cannot be are shown as they are, on blank paper.
    const degrees = west >= -360 && east <= 360 && south >= -90 && north <= 90;
    const projection = degrees ? MERCATOR : new ol.proj.Projection({ code: "plane", units: "m" });
    const format = new ol.format.GeoJSON({ dataProjection: degrees ? "EPSG:4326" : projection, featureProjection: projection });
    const source = new ol.source.Vector({ features: format.readFeatures(collection), wrapX: false });
    const layer = new ol.layer.Vector({ source, style });
    const seen = (extent) => source.getFeaturesInExtent(extent);
    return { layer, seen, projection, extent: degrees ? square([west, south, east, north]) : source.getExtent() };
  }

  async function build(element, facts, target) {
    let made = backendMap.styles(backendMap.COLOURS[element.dataset.scheme]);
    let chosen = null;
    let pinned = false;
    const style = (feature) => made[`${backendMap.kind(feature)} ${chosen !== null && key(feature) === chosen}`];
    const { layer, seen, projection, extent } = element.features
      ? ofFeatures(element.features, style)
      : await ofTiles(element.dataset.tilejson, style);
    const plane = projection !== MERCATOR;
    const map = new ol.Map({
      target,
      layers: plane ? [layer] : [backendMap.background(element), layer],
      controls: backendMap.controls(),
      view: new ol.View(plane ? { projection, center: [0, 0], resolution: 1 } : { projection, center: [0, 0], zoom: 0, maxZoom: 22 }),
    });
    map.getView().fit(extent, { padding: [24, 24, 24, 24], minResolution: 1.2 });

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
    layer.getSource().on("tileloaderror", () => say(facts, "A part of the map could not be read from the API."));
    map.on("rendercomplete", () => {
      element.dataset.features = new Set(seen(map.getView().calculateExtent()).map(key)).size;
    });
    backendMap.DARK.addEventListener("change", () => {
      element.dataset.scheme = backendMap.scheme(element);
      made = backendMap.styles(backendMap.COLOURS[element.dataset.scheme]);
      layer.changed();
    });
  }

  async function start(element) {
    element.dataset.scheme = backendMap.scheme(element);
    const target = document.createElement("div");
    target.className = "tile-map-view";
    backendMap.name(target, `Map of ${element.dataset.title}: arrow keys move, plus and minus zoom, Enter tells what is in the middle`);
    const facts = document.createElement("div");
    facts.className = "tile-map-facts";
    facts.setAttribute("aria-live", "polite");
    element.append(target, facts);
    try {
      await build(element, facts, target);
    } catch (error) {
      say(facts, `The map cannot be shown: ${error.message}`);
      element.dataset.error = error.message;
    }
  }

  document.querySelectorAll(".tile-map").forEach(start);
})();
