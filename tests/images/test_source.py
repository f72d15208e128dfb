"""Images are read once, whatever holds them, and known by their content."""

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fewshot.errors import ImageError
from fewshot.images import source as source_module
from fewshot.images.source import content_hash, load_image, require_several
from tests.images.test_decode import PNG


class Reader:
    """An object that can be read and no more."""

    def __init__(self, data: bytes) -> None:
        self.file = io.BytesIO(data)

    def read(self) -> Any:
        return self.file.read()


class Rewound(Reader):
    """An upload as Python 3.10 has it: it goes back, but does not say that it can."""

    def read(self, size: int = -1) -> bytes:
        return self.file.read(size)

    def seek(self, position: int) -> None:
        self.file.seek(position)


class Upload:
    """An upload of a web framework, which is read asynchronously."""

    def __init__(self) -> None:
        self.filename = "cat.jpg"

    async def read(self, size: int = -1) -> bytes:
        return PNG

    async def seek(self, position: int) -> None: ...


def test_hash_is_of_the_content(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(PNG)
    assert content_hash(tmp_path / "a") == content_hash(str(tmp_path / "b")) == content_hash(PNG)
    pixels = np.zeros((2, 6, 3), np.uint8)
    assert content_hash(pixels) != content_hash(pixels.reshape(6, 2, 3))
    turned = np.arange(36, dtype=np.uint8).reshape(2, 6, 3).swapaxes(0, 1)
    expected = hashlib.sha256(b"uint8 (6, 2, 3) " + turned.tobytes()).hexdigest()
    assert content_hash(turned) == expected
    image = Image.fromarray(turned)
    expected = hashlib.sha256(b"(2, 6) " + image.tobytes()).hexdigest()
    assert content_hash(image) == expected
    with pytest.raises(ImageError, match="no such file"):
        content_hash(tmp_path / "c")


def test_whatever_holds_the_bytes_of_a_file_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(PNG)
    at_its_end = io.BytesIO(PNG)
    at_its_end.read()
    rewound = Rewound(PNG)
    rewound.read()
    with open(path, "rb", buffering=0) as raw, open(os.open(path, os.O_RDONLY), "rb") as numbered:
        sources: list[Any] = [bytearray(PNG), memoryview(PNG), at_its_end, Reader(PNG), rewound]
        for source in [*sources, raw, numbered]:
            assert load_image(source).content == PNG
        assert load_image(numbered).name == "image given as BufferedReader"


def test_a_pipe_that_gives_little_at_a_time_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    with open(writing, "wb") as sender:
        sender.write(PNG)
    with open(reading, "rb", buffering=0) as raw:
        assert load_image(raw).content == PNG


@pytest.mark.filterwarnings("error")
def test_what_cannot_be_read_says_what_to_give_instead(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(PNG)
    closed = io.BytesIO(PNG)
    closed.close()
    with pytest.raises(ImageError, match=r"cat.jpg: its read\(\) must be awaited; give the bytes"):
        load_image(Upload())  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="closed; open it again"):
        load_image(closed)
    with open(path) as text, pytest.raises(ImageError, match="opened as text; open it in binary"):
        load_image(text)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="opened as text"):
        load_image(io.StringIO("text"))  # type: ignore[arg-type]
    nothing = Reader(PNG)
    nothing.read = lambda: None  # type: ignore[method-assign]
    with pytest.raises(ImageError, match=r"read\(\) gave NoneType; expected bytes"):
        load_image(nothing)  # type: ignore[arg-type]


def test_names_that_are_no_paths() -> None:
    with pytest.raises(ImageError, match="an address; download the image first"):
        load_image("https://example.org/cat.jpg")
    with pytest.raises(ImageError, match="in base64, decode it and give the bytes") as caught:
        load_image("iVBORw0KGgo" * 2000)
    assert len(str(caught.value)) < 200


def test_files_without_an_end_are_not_read_to_it(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="not a regular file"):
        load_image(os.devnull)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
        with pytest.raises(ImageError, match=r"pipe\.jpg: not a regular file"):
            load_image(tmp_path / "pipe.jpg")
    with open(tmp_path / "sparse.jpg", "wb") as file:
        file.truncate(source_module._MAX_BYTES + 1)
    with pytest.raises(ImageError, match=r"sparse\.jpg: larger than 256 MiB"):
        load_image(tmp_path / "sparse.jpg")


def test_one_image_is_not_several_but_an_array_of_images_is() -> None:
    several: list[Any] = [
        np.zeros((3, 8, 8, 3), np.uint8),
        np.zeros((3, 28, 28), np.uint8),
        np.array(["a.jpg", "b.jpg"]),
        np.array([Path("a.jpg")]),
    ]
    for images in several:
        require_several(images)
    one: list[Any] = [np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8), bytearray(PNG)]
    for image in one:
        with pytest.raises(ImageError, match="one image where several were expected"):
            require_several(image)
