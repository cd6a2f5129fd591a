SELECT ST_AsMVT(tile, 'points', 4096, 'geom', 'id')
FROM (
  SELECT id, name, kind, value,
    ST_AsMVTGeom(ST_Transform(geom, 3857), ST_TileEnvelope(13, 1308, 2933), 4096, 64) AS geom
  FROM points
  WHERE geom && ST_Transform(ST_TileEnvelope(13, 1308, 2933, margin => 64.0 / 4096), 4326)
) AS tile;
