"""docs/upstream.md: how many of PyTorch's own tests pass under jtorch. PYTORCH_SOURCE names a checkout of PyTorch."""


def make(measured="build/upstream", *words):
    """Runs what the folder `measured` does not hold yet and writes the page of all it holds.

    `words`: names of files, such as `test_nn`; `first` runs one variant of each test, `again` what failed, `page` nothing.
    """
    from tests.upstream import page, running

    files = [file for file in running.FILES if file in words] or running.FILES
    if "page" not in words:
        running.measure("torch", measured, files)
        running.measure("jtorch", measured, files, again="again" in words, first="first" in words)
    page.write(measured)
