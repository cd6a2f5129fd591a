SELECT concat('{"type":"FeatureCollection","features":[', string_agg(feature, ','), ']}')
FROM (
  SELECT concat('{"id":', id, ',"type":"Feature","geometry":', ST_AsGeoJSON(geom, 15, 0),
    ',"properties":{"name":', to_json(name), ',"kind":', to_json(kind), ',"value":', value, '}}') AS feature
  FROM polygons WHERE geom && ST_MakeEnvelope(-122.56, 45.36, -122.44, 45.46, 4326) ORDER BY id LIMIT 200
) AS page;
