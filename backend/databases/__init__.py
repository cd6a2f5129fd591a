"""Which databases there are, the connections to them, and what PostgreSQL tells about them."""
