SELECT id, name, kind, value, opened FROM rows_thousand ORDER BY id LIMIT 10;
