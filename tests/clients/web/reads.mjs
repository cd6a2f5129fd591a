// For each library, a function that reads a URL of the API and returns a list of GeoJSON features.
import * as maplibregl from "./node_modules/maplibre-gl/dist/maplibre-gl.mjs";

const plain = (feature) => ({
  type: "Feature",
  geometry: feature.geometry,
  properties: feature.properties,
});

function mapOf(source, center, zoom) {
  const layers = [
    { id: "rows", type: "circle", source: "rows", ...(source.type === "vector" ? { "source-layer": "stop" } : {}) },
  ];
  return drawn({ style: { version: 8, sources: { rows: source }, layers }, center, zoom });
}

function drawn(options) {
  const map = new maplibregl.Map({ container: "map", fadeDuration: 0, ...options });
  return new Promise((resolve, reject) => {
    map.on("error", (event) => reject(event.error));
    map.once("idle", () => resolve(map));
  });
}

const readers = {
  // A GeoJSON source sends `Accept: application/json`.
  async "maplibre geojson"(url, center, zoom) {
    const map = await mapOf({ type: "geojson", data: url }, center, zoom);
    const data = await map.getSource("rows").getData();
    map.remove();
    return data.features.map(plain);
  },
  async "maplibre tiles"(url, center, zoom) {
    const map = await mapOf({ type: "vector", url }, center, zoom);
    const seen = map.querySourceFeatures("rows", { sourceLayer: "stop" });
    map.remove();
    return seen.map((feature) => plain(feature.toJSON()));
  },
  // A map that a client makes from nothing but TileJSON. Returns what is drawn.
  async "maplibre tilejson"(url, type) {
    const { bounds, vector_layers: [{ id }] } = await (await fetch(url)).json();
    const source = { type: "vector", url };
    const layers = [{ id: "rows", type, source: "rows", "source-layer": id }];
    const map = await drawn({ style: { version: 8, sources: { rows: source }, layers }, bounds });
    const seen = map.queryRenderedFeatures();
    map.remove();
    return seen.map((feature) => ({ ...plain(feature), id: feature.id }));
  },
  async "openlayers geojson"(url) {
    const source = new ol.source.Vector({ url, format: new ol.format.GeoJSON() });
    const loaded = new Promise((resolve, reject) => {
      source.once("featuresloadend", resolve);
      source.once("featuresloaderror", () => reject(new Error(`OpenLayers could not load ${url}`)));
    });
    source.loadFeatures([-Infinity, -Infinity, Infinity, Infinity], 1, ol.proj.get("EPSG:3857"));
    await loaded;
    const options = { featureProjection: "EPSG:3857" };
    return new ol.format.GeoJSON().writeFeaturesObject(source.getFeatures(), options).features.map(plain);
  },
  async "openlayers tiles"(url, zoom, column, row) {
    const grid = ol.tilegrid.createXYZ();
    const tile = await fetch(url.replace("{z}", zoom).replace("{x}", column).replace("{y}", row));
    const format = new ol.format.MVT({ featureClass: ol.Feature });
    const extent = grid.getTileCoordExtent([zoom, column, row]);
    const features = format.readFeatures(await tile.arrayBuffer(), { extent, featureProjection: "EPSG:3857" });
    const options = { featureProjection: "EPSG:3857" };
    return new ol.format.GeoJSON().writeFeaturesObject(features, options).features.map(plain);
  },
  async flatgeobuf(url) {
    const answer = await fetch(url);
    const features = [];
    for await (const feature of flatgeobuf.deserialize(answer.body)) {
      features.push(plain(feature));
    }
    return features;
  },
};

window.read = (reader, ...asked) => readers[reader](...asked);
