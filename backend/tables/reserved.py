"""Names that are parameters of lists, and that a column or a relation cannot have there."""

# Parameters that a list reads. A column of such a name is filtered by ``column_<name>``.
RESERVED = frozenset(
    """limit offset count page page_size page_after page_before after before cursor ordering fields
    format geometry in_bbox tile point dist intersects contains within search expand""".split()
)
