"""What is read before anything runs: variables, files, secret stores, a team's overrides."""
