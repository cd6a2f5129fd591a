"""Which databases there are, how their connections are kept, and when one is away."""
