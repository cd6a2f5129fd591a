SELECT concat('{"id":', id, ',"type":"Feature","geometry":', ST_AsGeoJSON(geom, 15, 0),
  ',"properties":{"name":', to_json(name), ',"kind":', to_json(kind), ',"value":', value, '}}')
FROM polygons ORDER BY id;
