-- One database, two schemas: what Django makes, and what the census brought.
CREATE SCHEMA django;
CREATE SCHEMA passenger_census;
