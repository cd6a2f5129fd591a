SELECT id, name, kind, value, opened FROM rows_thousand WHERE id = 500;
