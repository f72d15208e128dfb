"""Decoding takes bounded memory, whatever a file says of its size."""

import io
import os
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from fewshot.errors import ImageError, UsageError
from fewshot.images.decode import open_rgb
from fewshot.images.limits import reserve
from tests.images.test_decode import encode, png_header

# Sizes that are allowed, of one colour, so that the files are small.
LARGE: dict[str, tuple[str, str, int, dict[str, object]]] = {
    "PNG with alpha": ("PNG", "LA", 7000, {"compress_level": 1}),
    "TIFF": ("TIFF", "RGBA", 7000, {"compression": "packbits"}),
    "WebP": ("WEBP", "RGBA", 4990, {}),
    "progressive JPEG": ("JPEG", "RGB", 6900, {"progressive": True, "subsampling": 0}),
}
CHILD = """
import sys
from concurrent.futures import ThreadPoolExecutor
import onnxruntime, numpy
from fewshot.images.preprocessing import Preprocessing
from fewshot.images.views import load_views
def load(path):
    assert load_views(path, Preprocessing(views=8)).pixels.shape == (8, 224, 224, 3)
with ThreadPoolExecutor(3) as pool:
    list(pool.map(load, sys.argv[1:]))
status = open("/proc/self/status").read()  # unlike getrusage, not of the parent process, too
print(int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""


def peak_of(*paths: Path) -> int:
    """Measure the memory of a process that reads images in three threads, in MiB."""
    child = [sys.executable, "-c", CHILD, *map(str, paths)]
    return int(subprocess.run(child, check=True, capture_output=True, text=True).stdout)


def webp(width: int, height: int) -> bytes:
    """Write a lossless WebP file of one colour, which takes as few bytes at any size."""
    data = bytearray(encode(Image.new("RGBA", (2, 2), (9, 9, 9, 200)), "WEBP", lossless=True))
    at = data.index(b"VP8L") + 9
    bits = int.from_bytes(data[at : at + 4], "little") & ~0xFFFFFFF
    bits |= (height - 1) << 14 | (width - 1)
    data[at : at + 4] = bits.to_bytes(4, "little")
    return bytes(data)


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize("kind", LARGE)
def test_the_largest_images_take_less_than_500_mebibytes(kind: str, tmp_path: Path) -> None:
    file_format, mode, side, options = LARGE[kind]
    path = tmp_path / "large"
    path.write_bytes(
        webp(side, side)
        if file_format == "WEBP"
        else encode(Image.new(mode, (side, side), (9,) * len(mode)), file_format, **options)
    )
    assert path.stat().st_size < 5_000_000
    assert peak_of(path) < 500
    if file_format == "WEBP":  # of several, each keeps what became of it while others are decoded
        assert peak_of(path, path, path) < 600


@pytest.mark.parametrize(
    ("file_format", "mode", "options"),
    [
        ("PNG", "L", {}),
        ("GIF", "P", {}),
        ("TIFF", "1", {"compression": "group4"}),
        ("JPEG", "L", {"progressive": True}),
        ("WEBP", "RGBA", {}),
    ],
)
def test_larger_ones_are_refused_with_the_way_out(
    file_format: str, mode: str, options: dict[str, object]
) -> None:
    size = 12_000, 7000
    small = file_format == "WEBP"
    data = webp(*size) if small else encode(Image.new(mode, size), file_format, **options)
    most = "25,000,000" if file_format == "WEBP" else "50,000,000"
    with pytest.raises(ImageError, match=rf"12000 x 7000 pixels.* {most} .*FEWSHOT_MAX_PIXELS"):
        open_rgb(data, at_least=300)


def test_a_jpeg_that_is_reduced_while_decoding_may_be_larger() -> None:
    data = encode(Image.new("L", (12_000, 7000)), "JPEG")
    assert open_rgb(data, at_least=300).size == (1500, 875)
    with pytest.raises(ImageError, match="FEWSHOT_MAX_PIXELS"):
        open_rgb(data)


def test_the_bound_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(Image.new("L", (200, 100)), "PNG")
    monkeypatch.setenv("FEWSHOT_MAX_PIXELS", "20_000")
    assert open_rgb(data).size == (200, 100)
    monkeypatch.setenv("FEWSHOT_MAX_PIXELS", "19999")
    with pytest.raises(ImageError, match="at most 19,999 are decoded"):
        open_rgb(data)
    large = encode(Image.new("1", (9000, 9000)), "TIFF", compression="group4")
    monkeypatch.setenv("FEWSHOT_MAX_PIXELS", "81000000")
    assert open_rgb(large, at_least=300).size == (600, 600)
    for wrong in ("many", "0", "-5", "1e6"):
        monkeypatch.setenv("FEWSHOT_MAX_PIXELS", wrong)
        with pytest.raises(UsageError, match=f"FEWSHOT_MAX_PIXELS is '{wrong}'; expected a number"):
            open_rgb(data)


def test_an_icon_is_as_large_as_what_is_in_it() -> None:
    png, bitmap = (
        png_header(9000, 9000),
        struct.pack("<IiiHHIIiiII", 40, 9000, 18_000, 1, 32, *6 * [0]),
    )
    for part in (png, bitmap):
        entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(part), 22)
        with pytest.raises(ImageError, match="a decompression bomb"):
            open_rgb(struct.pack("<HHH", 0, 1, 1) + entry + part)
    small = io.BytesIO()
    Image.new("RGBA", (32, 32), (255, 0, 0, 255)).save(small, "ICO", sizes=[(16, 16), (32, 32)])
    assert open_rgb(small).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1), (3, 1_000_000)])
def test_images_of_one_long_side_are_read(size: tuple[int, int]) -> None:
    assert open_rgb(encode(Image.new("L", size), "PNG"), at_least=300).size == size


def test_threads_wait_until_there_is_room() -> None:
    order: list[str] = []
    begun = threading.Event()

    def large() -> None:
        with reserve(10**12):  # more than there is: alone
            order.append("large begins")
            begun.set()
            time.sleep(0.2)
            order.append("large ends")

    def small() -> None:
        begun.wait()
        with reserve(1):
            order.append("small")

    threads = [threading.Thread(target=target) for target in (large, small)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order == ["large begins", "large ends", "small"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked there")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_does_not_wait_for_threads_that_it_does_not_have() -> None:
    with reserve(10**12):
        child = os.fork()
        if child == 0:  # here this thread's reservation is gone
            open_rgb(encode(Image.new("L", (9, 9)), "PNG"))
            os._exit(0)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            time.sleep(0.02)
        else:
            os.kill(child, 9)
            status = os.waitpid(child, 0)[1]
    assert status == 0
