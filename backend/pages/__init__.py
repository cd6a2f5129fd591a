"""The image's own pages: the landing page, and the error pages."""
