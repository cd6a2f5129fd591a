"""The rules: what ``upgrade`` rewrites, and what it lists for a person to change."""
