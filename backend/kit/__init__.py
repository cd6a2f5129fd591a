"""Programs that people run on a project or an image, and that no API needs to run."""
