"""docs/differences.md: the rows of PyTorch's tables whose results differ under jtorch, each with a reason."""

from tests.tables.deviations import PAGE, page


def make():
    PAGE.write_text(page())
