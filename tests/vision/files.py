"""Small files in torchvision's layouts, for the tests of data sets and image files."""


def write(folder):
    """Write them all into the folder."""
