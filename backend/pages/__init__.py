"""The image's own pages: the landing page, and those that answer where no view does."""
