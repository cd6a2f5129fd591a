-- One database with two schemas: Django's tables, and those of the census.
CREATE SCHEMA django;
CREATE SCHEMA passenger_census;
