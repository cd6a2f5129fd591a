SELECT concat('{"type":"FeatureCollection","features":[', string_agg(feature, ','), ']}')
FROM (
  SELECT concat('{"id":', id, ',"type":"Feature","geometry":', ST_AsGeoJSON(geom, 15, 0),
    ',"properties":{"name":', to_json(name), ',"kind":', to_json(kind), ',"value":', value, '}}') AS feature
  FROM polygons ORDER BY id LIMIT 100
) AS page;
