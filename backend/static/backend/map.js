// Shows the vector tiles that an element's data-tilejson names, or the GeoJSON features in the
// element's property `features`. Shows properties as text, never as HTML.
(() => {
  "use strict";

  const HELP = matchMedia("(hover: none)").matches
    ? "Tap something to see what it is."
    : "Point at something, or move with the arrow keys and press Enter.";
  // Pixels around the pointer to look at too, because lines and points are thin.
  const NEAR = [[0, 0], [4, 0], [-4, 0], [0, 4], [0, -4]];
  const MERCATOR = "EPSG:3857";

  const key = (feature) => feature && (feature.getId() ?? JSON.stringify(values(feature)));

  function values(feature) {
    const found = { ...feature.getProperties() };
    if (!feature.getType) delete found[feature.getGeometryName()];
    delete found.layer; // OpenLayers adds it
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

  // To find out how crowded points are, they are counted in squares with sides of so many pixels.
  const SQUARE = 8;
  const WHOLE_WORLD = 156543; // meters per pixel at zoom 0
  const ERROR = 3; // OpenLayers' TileState

  // Between two zooms, the map shows the tiles of the lower one. The small number is for rounding.
  const level = (resolution) => Math.floor(Math.log2(WHOLE_WORLD / resolution) + 0.01);
  const isPoint = (feature) => feature.getType() === "Point";

  // A tile also contains points just outside of it. If two tiles drew the same translucent point, it
  // would be too dark.
  function isInside(feature, [west, south, east, north]) {
    if (!isPoint(feature)) return true;
    const [x, y] = feature.getFlatCoordinates();
    const edge = WHOLE_WORLD * 128 - 1; // no other tile follows
    return (x >= west || west < -edge) && (x < east || east > edge) && y >= south && y < north;
  }

  // Loads tiles. A header says which of them are samples, which determines how crowded points are.
  class Crowd {
    constructor() {
      this.samples = new WeakMap(); // for each feature, the number of features that it represents
      this.levels = new Map(); // for each zoom, the points per square that is not empty
      this.onChange = () => {};
    }

    load(tile, url, format) {
      tile.setLoader(async (extent, resolution, projection) => {
        try {
          const answer = await fetch(url);
          if (!answer.ok) throw new Error(answer.statusText);
          const sample = Number(answer.headers.get("X-Tile-Sample")?.split("/")[1] ?? 1);
          const body = await answer.arrayBuffer();
          const features = format.readFeatures(body, { extent, featureProjection: projection });
          const inside = features.filter((feature) => isInside(feature, extent));
          this.count(inside, sample, resolution);
          tile.setFeatures(inside);
        } catch {
          tile.setState(ERROR);
        }
      });
    }

    count(features, sample, resolution) {
      const squares = new Set();
      let points = 0;
      for (const feature of features) {
        if (sample > 1) this.samples.set(feature, sample);
        if (!isPoint(feature)) continue;
        const [x, y] = feature.getFlatCoordinates();
        squares.add(`${Math.floor(x / resolution / SQUARE)} ${Math.floor(y / resolution / SQUARE)}`);
        points++;
      }
      const crowd = (points * sample) / (squares.size || 1);
      if (crowd <= this.at(resolution)) return;
      this.levels.set(level(resolution), crowd);
      this.onChange();
    }

    at(resolution) {
      return this.levels.get(level(resolution)) ?? 1;
    }

    of(feature) {
      return this.samples.get(feature) ?? 1;
    }
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

  // The layer, the projection of the view, and the extent that the map shows first.
  async function ofTiles(url, style, crowd) {
    const tilejson = await read(url);
    const format = new ol.format.MVT();
    const source = new ol.source.VectorTile({
      format,
      tileLoadFunction: (tile, address) => crowd.load(tile, address, format),
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
    // GeoJSON is in degrees. Other coordinates are shown as they are, without a background.
    const degrees = west >= -360 && east <= 360 && south >= -90 && north <= 90;
    const projection = degrees ? MERCATOR : new ol.proj.Projection({ code: "plane", units: "m" });
    const format = new ol.format.GeoJSON({ dataProjection: degrees ? "EPSG:4326" : projection, featureProjection: projection });
    const source = new ol.source.Vector({ features: format.readFeatures(collection), wrapX: false });
    const layer = new ol.layer.Vector({ source, style });
    const seen = (extent) => source.getFeaturesInExtent(extent);
    return { layer, seen, projection, extent: degrees ? square([west, south, east, north]) : source.getExtent() };
  }

  const number = (value) => Math.round(value).toLocaleString("en-US");

  // The legend: how many rows the map shows, how many there are, and whether this is a sample.
  function explain(element, features, crowd) {
    const { title, rows } = element.dataset;
    const swatches = [...new Set(features.map(backendMap.kind))].map((kind) => {
      const swatch = document.createElement("span");
      swatch.className = `tile-map-swatch tile-map-${kind}`;
      return swatch;
    });
    const samples = features.map((feature) => crowd.of(feature));
    const most = samples.reduce((one, other) => Math.max(one, other), 1);
    const parts = [`Shows ${number(features.length)}${rows ? ` of ${rows}` : ""} ${title}.`];
    if (most > 1) {
      const all = samples.reduce((one, other) => one + other, 0);
      // An estimate: more digits could say that more rows are here than there are.
      parts.push(`This is a sample: about ${number(all.toPrecision(2))} are here, and the map shows only 1 of ${most} where they are densest. Zoom in to see all.`);
    }
    return [...swatches, parts.join(" ")];
  }

  async function build(element, facts, target, legend) {
    let made = backendMap.styles(backendMap.COLORS[element.dataset.scheme]);
    let chosen = null;
    let pinned = false;
    const crowd = new Crowd();
    const style = (feature, resolution) => {
      if (chosen !== null && key(feature) === chosen) return made[`${backendMap.kind(feature)} true`];
      if (backendMap.kind(feature) !== "point") return made[`${backendMap.kind(feature)} false`];
      return made.points(Math.log2(WHOLE_WORLD / resolution), crowd.at(resolution), crowd.of(feature));
    };
    const { layer, seen, projection, extent } = element.features
      ? ofFeatures(element.features, style)
      : await ofTiles(element.dataset.tilejson, style, crowd);
    crowd.onChange = () => layer.changed();
    const plane = projection !== MERCATOR;
    const below = plane ? [] : [backendMap.background(element)];
    const map = new ol.Map({
      target,
      layers: [...below, layer],
      controls: backendMap.controls(...below),
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
    layer.getSource().on("tileloaderror", () => say(facts, "The API did not return a part of the map."));
    map.on("rendercomplete", () => {
      const shown = new Map(seen(map.getView().calculateExtent()).map((feature) => [key(feature), feature]));
      element.dataset.features = shown.size;
      legend.replaceChildren(...explain(element, [...shown.values()], crowd));
    });
    if (element.dataset.list) {
      window.backendRows(element.dataset.list).then((rows) => {
        element.dataset.rows = rows ?? "";
        map.render();
      });
    }
    backendMap.DARK.addEventListener("change", () => {
      element.dataset.scheme = backendMap.scheme(element);
      made = backendMap.styles(backendMap.COLORS[element.dataset.scheme]);
      layer.changed();
    });
  }

  async function start(element) {
    element.dataset.scheme = backendMap.scheme(element);
    const target = document.createElement("div");
    target.className = "tile-map-view";
    backendMap.name(target, `Map of ${element.dataset.title}: arrow keys move, plus and minus zoom, Enter shows what is in the middle`);
    const facts = document.createElement("div");
    facts.className = "tile-map-facts";
    facts.setAttribute("aria-live", "polite");
    const legend = document.createElement("p");
    legend.className = "tile-map-legend";
    element.append(target, legend, facts);
    try {
      await build(element, facts, target, legend);
    } catch (error) {
      say(facts, `The map cannot be shown: ${error.message}`);
      element.dataset.error = error.message;
    }
  }

  document.querySelectorAll(".tile-map").forEach(start);
})();
