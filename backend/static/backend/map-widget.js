// Forms: GeoDjango's map widget on the image's own background. A text field accepts the geometry
// too, for people who do not use a mouse or who know the place in degrees.
(() => {
  "use strict";

  const DEGREES = "EPSG:4326";
  const DECIMALS = 6; // 10 cm
  const WORLD = [-170, -58, 180, 76]; // all inhabited land
  const NEAREST = 10; // meters per pixel: around a single row, the map shows a quarter of a city
  const PAIR = /^\s*(-?[\d.]+)\s*[,;\s]\s*(-?[\d.]+)\s*$/;

  // Reads a geometry in degrees. Throws an error if the text is not a geometry.
  function read(text) {
    const pair = text.match(PAIR);
    if (pair) {
      const [first, second] = pair.slice(1).map(Number);
      // If the second number cannot be a latitude, it is the longitude.
      return new ol.geom.Point(Math.abs(second) > 90 ? [second, first] : [first, second]);
    }
    if (text.trim().startsWith("{")) return new ol.format.GeoJSON().readGeometry(text);
    return new ol.format.WKT().readGeometry(text.replace(/^\s*SRID=4326;/i, ""));
  }

  class GeometryMap extends MapWidget {
    constructor(element, area, options) {
      super(options);
      // When a row is removed, the admin numbers the others again, which changes the ID.
      Object.defineProperty(this.options, "id", { get: () => area.id });
      this.element = element;
      this.area = area;
      this.text = element.querySelector("input.geometry-text");
      this.problem = element.querySelector(".geometry-problem");
      const styles = backendMap.styles(backendMap.COLORS[backendMap.scheme(element)]);
      this.featureOverlay.setStyle((feature) => styles[`${backendMap.kind(feature)} false`]);
      const extent = ol.extent.createEmpty();
      this.featureCollection.forEach((feature) => ol.extent.extend(extent, feature.getGeometry().getExtent()));
      if (!ol.extent.isEmpty(extent) || this.featureCollection.getLength()) this.goTo(extent);
      // If the team set no start, the map shows where other rows are, or else the world.
      else if (!element.dataset.zoom) {
        const start = element.dataset.extent?.split(",").map(Number) ?? WORLD;
        this.goTo(ol.proj.transformExtent(start, DEGREES, this.map.getView().getProjection()), NEAREST);
      }
      backendMap.name(this.map.getTargetElement(), element.dataset.mapLabel.replace("{name}", options.name));
      this.text?.addEventListener("change", () => this.take());
      this.text?.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault(); // Enter would send the form
        this.take();
      });
      this.text?.form?.addEventListener("submit", (event) => this.hold(event));
      this.tell();
    }

    createMap() {
      // GeoDjango's own view is always in web Mercator, whatever map_srid is.
      const projection = ol.proj.get(`EPSG:${this.options.map_srid}`) ?? ol.proj.get("EPSG:3857");
      return new ol.Map({
        target: this.options.map_id,
        layers: [this.options.base_layer],
        controls: backendMap.controls(this.options.base_layer),
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

    // Show what is wrong with the typed text, or remove the message.
    complain(problem) {
      this.text.setAttribute("aria-invalid", Boolean(problem));
      this.text.setCustomValidity(problem);
      this.problem.textContent = problem;
    }

    // Stop the form from being sent without the typed geometry. The browser does not validate the
    // admin's forms.
    hold(event) {
      if (this.text.value !== this.shownText) this.take();
      if (event.defaultPrevented || !this.text.isConnected || this.text.checkValidity()) return;
      event.preventDefault();
      this.text.closest("details")?.setAttribute("open", "");
      this.text.reportValidity();
    }

    // Put the typed geometry into the form.
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
        // The projection clips a latitude that the map does not have, such as a longitude in its place.
        const back = ol.proj.transformExtent(geometry.getExtent(), projection, DEGREES);
        if (!back.every((edge, i) => Math.abs(edge - degrees[i]) < 10 ** -DECIMALS)) throw new Error("not a place on the map");
        this.featureCollection.clear();
        this.featureCollection.push(new ol.Feature(geometry));
        this.goTo(geometry.getExtent());
      } catch {
        this.text.value = typed;
        this.complain(this.element.dataset.problem);
      }
    }

    // Convert it to the type of the form's field: a single point becomes a MultiPoint.
    fitting(geometry) {
      const wanted = this.options.geom_name;
      if (wanted === "Geometry" || geometry.getType() === wanted) return geometry;
      if (`Multi${geometry.getType()}` === wanted) return new ol.geom[wanted]([geometry.getCoordinates()]);
      throw new Error(`${geometry.getType()} is not a ${wanted}`);
    }
  }

  function start(element) {
    // Skip the empty row that "Add another" copies.
    if (element.id.includes("__prefix__") || element.dataset.started) return;
    element.dataset.started = "";
    // In a copied row, the admin changes only the IDs and names.
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
