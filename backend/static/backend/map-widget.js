// Forms: GeoDjango's map widget on the image's own background, with a field to type the
// geometry in, for who has no mouse or knows the place in degrees.
(() => {
  "use strict";

  const DEGREES = "EPSG:4326";
  const DECIMALS = 6; // a finger's breadth
  const WORLD = [-170, -58, 180, 76]; // where land is that people live on
  const NEAREST = 10; // meters per pixel: a quarter of a city around a single row
  const PAIR = /^\s*(-?[\d.]+)\s*[,;\s]\s*(-?[\d.]+)\s*$/;

  // The geometry that a text means, in degrees. Throws where it means none.
  function read(text) {
    const pair = text.match(PAIR);
    if (pair) {
      const [first, second] = pair.slice(1).map(Number);
      // Where the second cannot be a latitude it is the longitude.
      return new ol.geom.Point(Math.abs(second) > 90 ? [second, first] : [first, second]);
    }
    if (text.trim().startsWith("{")) return new ol.format.GeoJSON().readGeometry(text);
    return new ol.format.WKT().readGeometry(text.replace(/^\s*SRID=4326;/i, ""));
  }

  class GeometryMap extends MapWidget {
    constructor(element, area, options) {
      super(options);
      // It changes where the admin numbers its rows again, because one was removed.
      Object.defineProperty(this.options, "id", { get: () => area.id });
      this.element = element;
      this.area = area;
      this.text = element.querySelector("input.geometry-text");
      this.problem = element.querySelector(".geometry-problem");
      const styles = backendMap.styles(backendMap.COLOURS[backendMap.scheme(element)]);
      this.featureOverlay.setStyle((feature) => styles[`${backendMap.kind(feature)} false`]);
      const extent = ol.extent.createEmpty();
      this.featureCollection.forEach((feature) => ol.extent.extend(extent, feature.getGeometry().getExtent()));
      if (!ol.extent.isEmpty(extent) || this.featureCollection.getLength()) this.goTo(extent);
      // Without a place of the team's choice, where other rows are; without any, the world.
      else if (!element.dataset.zoom) {
        const start = element.dataset.extent?.split(",").map(Number) ?? WORLD;
        this.goTo(ol.proj.transformExtent(start, DEGREES, this.map.getView().getProjection()), NEAREST);
      }
      backendMap.name(this.map.getTargetElement(), element.dataset.mapLabel.replace("{name}", options.name));
      this.text?.addEventListener("change", () => this.take());
      this.text?.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault(); // it would send the form
        this.take();
      });
      this.text?.form?.addEventListener("submit", (event) => this.hold(event));
      this.tell();
    }

    createMap() {
      // GeoDjango's view is in web Mercator whatever the widget's map_srid is.
      const projection = ol.proj.get(`EPSG:${this.options.map_srid}`) ?? ol.proj.get("EPSG:3857");
      return new ol.Map({
        target: this.options.map_id,
        layers: [this.options.base_layer],
        controls: backendMap.controls(),
        view: new ol.View({ projection, zoom: this.options.default_zoom, maxZoom: 22 }),
      });
    }

    goTo(extent, minResolution = 1) {
      this.map.getView().fit(extent, { padding: [24, 24, 24, 24], minResolution });
    }

    serializeFeatures() {
      super.serializeFeatures();
      this.tell();
    }

    clearFeatures() {
      super.clearFeatures();
      this.tell();
    }

    // Show the geometry of the form as text.
    tell() {
      if (!this.text) return;
      const { value } = this.area;
      const projections = { dataProjection: DEGREES, featureProjection: this.map.getView().getProjection(), decimals: DECIMALS };
      this.shownText = this.text.value = value ? new ol.format.WKT().writeGeometry(new ol.format.GeoJSON().readGeometry(value), projections) : "";
      this.complain("");
    }

    // What is wrong with the typed text, if anything.
    complain(problem) {
      this.text.setAttribute("aria-invalid", Boolean(problem));
      this.text.setCustomValidity(problem);
      this.problem.textContent = problem;
    }

    // Keep a form back that would lose what was typed: the browser does not check the admin's.
    hold(event) {
      if (this.text.value !== this.shownText) this.take();
      if (event.defaultPrevented || !this.text.isConnected || this.text.checkValidity()) return;
      event.preventDefault();
      this.text.closest("details")?.setAttribute("open", "");
      this.text.reportValidity();
    }

    // Put the geometry that was typed into the form.
    take() {
      const typed = this.text.value;
      if (!typed.trim()) {
        this.clearFeatures();
        return;
      }
      try {
        const projection = this.map.getView().getProjection();
        const geometry = this.fitting(read(typed));
        const degrees = geometry.getExtent().slice();
        geometry.transform(DEGREES, projection);
        // A latitude that the map has not, such as a longitude in its place, would be cut to one.
        const back = ol.proj.transformExtent(geometry.getExtent(), projection, DEGREES);
        if (!back.every((edge, i) => Math.abs(edge - degrees[i]) < 10 ** -DECIMALS)) throw new Error("no place on the map");
        this.featureCollection.clear();
        this.featureCollection.push(new ol.Feature(geometry));
        this.goTo(geometry.getExtent());
      } catch {
        this.text.value = typed;
        this.complain(this.element.dataset.problem);
      }
    }

    // One that this form takes: a point alone is a MultiPoint too.
    fitting(geometry) {
      const wanted = this.options.geom_name;
      if (wanted === "Geometry" || geometry.getType() === wanted) return geometry;
      if (`Multi${geometry.getType()}` === wanted) return new ol.geom[wanted]([geometry.getCoordinates()]);
      throw new Error(`${geometry.getType()} is no ${wanted}`);
    }
  }

  function start(element) {
    // The empty row that "Add another" copies.
    if (element.id.includes("__prefix__") || element.dataset.started) return;
    element.dataset.started = "";
    // The admin gives a row that it copies ids and names of its own, and changes nothing else.
    const area = element.querySelector("textarea");
    const { geomName, mapSrid, lon, lat, zoom } = element.dataset;
    window[`geodjango_${area.name.replaceAll("-", "_")}`] = new GeometryMap(element, area, {
      base_layer: backendMap.background(element),
      geom_name: geomName,
      id: area.id,
      map_id: `${area.id}_map`,
      map_srid: Number(mapSrid),
      name: area.name,
      default_lon: Number(lon || 0),
      default_lat: Number(lat || 0),
      default_zoom: Number(zoom || 1),
    });
  }

  const all = (root) => root.querySelectorAll(".geometry-widget").forEach(start);
  document.addEventListener("DOMContentLoaded", () => all(document));
  document.addEventListener("formset:added", (event) => all(event.target));
})();
