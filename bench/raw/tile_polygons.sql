SELECT ST_AsMVT(tile, 'polygons', 4096, 'geom', 'id')
FROM (
  SELECT id, name, kind, value,
    ST_AsMVTGeom(ST_Transform(ST_Simplify(geom, 360.0 / 2 ^ 11 / 1024, true), 3857), ST_TileEnvelope(11, 327, 733), 4096, 64) AS geom
  FROM polygons
  WHERE geom && ST_Transform(ST_TileEnvelope(11, 327, 733, margin => 64.0 / 4096), 4326)
) AS tile;
