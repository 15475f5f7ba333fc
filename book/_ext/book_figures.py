"""Figures on the pages: a third of their weight, their place kept free, loaded when near."""

import re
from io import BytesIO
from pathlib import Path

from docutils import nodes
from PIL import Image
from sphinx.transforms.post_transforms import SphinxPostTransform

# docutils writes the size of a picture as a style; as attributes it keeps its shape on a phone.
SIZE = re.compile(r'style="width: (\d+)px; height: (\d+)px;"')

QUALITY = 70  # of lossy WebP: hardly to be told apart in photographs and feature maps


class SlimFigures(SphinxPostTransform):
    """Replaces the PNG of every figure in a cell's output by WebP."""

    default_priority = 160  # once outputs are chosen
    formats = ("html",)

    def run(self, **kwargs):
        """Visits the pictures of the page that were made by code."""
        folder = Path(self.app.doctreedir, "figures")
        folder.mkdir(parents=True, exist_ok=True)
        for cell in self.document.findall(nodes.container):
            if cell.get("nb_element") == "cell_code_output":
                for image in cell.findall(nodes.image):
                    self.slim(image, folder)

    def slim(self, image: nodes.image, folder: Path) -> None:
        """Points one picture to its lighter copy, which is made where there is none yet."""
        source = Path(self.app.srcdir, image["uri"])
        if source.suffix != ".png":
            return
        copy = folder / f"{source.stem}.webp"
        if not copy.exists():
            copy.write_bytes(to_webp(source))
        with Image.open(copy) as picture:
            image["width"], image["height"] = (f"{pixels}px" for pixels in picture.size)
        image["loading"] = "lazy"
        image["uri"] = str(copy)
        image["candidates"] = {"*": image["uri"]}
        self.env.images.add_file(self.env.docname, image["uri"])


def to_webp(source: Path) -> bytes:
    """A picture as WebP, lossless or lossy, whichever is smaller: plots are, photographs are not.

    Args:
        source: a file that Pillow reads.
    """
    copies = []
    with Image.open(source) as picture:
        for options in ({"lossless": True, "quality": 80}, {"quality": QUALITY}):
            copies.append(BytesIO())
            picture.convert("RGB").save(copies[-1], "WEBP", **options)
    return min((copy.getvalue() for copy in copies), key=len)


def size_as_attributes(app, pagename, templatename, context, doctree):
    """Lets the browser keep the place of a picture free before it is loaded."""
    if "body" in context:
        context["body"] = SIZE.sub(r'width="\1" height="\2"', context["body"])


def setup(app):
    """Registers the transform."""
    app.add_post_transform(SlimFigures)
    app.connect("html-page-context", size_as_attributes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
