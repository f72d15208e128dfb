"""Draw the files and folders that the examples of the documentation name."""

import shutil
import zlib
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw

from tests.helpers.drawn_faces import PEOPLE, draw_group, draw_person

FLOWERS = "Bluebell Crocus Daisy Iris Sunflower Tulip".split()


def draw_thing(kind: str, seed: int, size: int = 96) -> Image.Image:
    """Draw polygons whose form and colours tell the kind, at places by chance."""
    like = np.random.default_rng(zlib.crc32(kind.encode()))
    chance = np.random.default_rng([zlib.crc32(kind.encode()), seed])
    paper, ink = (tuple(like.integers(low, low + 128, 3).tolist()) for low in (128, 0))
    corners, radius = int(like.integers(3, 9)), int(like.integers(10, 26))
    image = Image.new("RGB", (size, size), paper)
    pen = ImageDraw.Draw(image)
    for x, y, turn in chance.integers(20, size - 20, (4, 3)).tolist():
        pen.regular_polygon((x, y, radius), corners, turn, fill=ink)
    return image


def write_things(folder: Path, kinds: list[str], shots: int, first: int = 1) -> None:
    """Write a folder of classes."""
    for kind in kinds:
        (folder / kind).mkdir(parents=True)
        for n in range(1, shots + 1):
            draw_thing(kind, first + n).save(folder / kind / f"{n:02}.jpg")


def write_mixed(folder: Path) -> None:
    """Write classes with a copy, a near duplicate, a wrong label and a damaged file."""
    write_things(folder, FLOWERS, 5)
    shutil.copy(folder / "Iris" / "03.jpg", folder / "Iris" / "again.jpg")
    with Image.open(folder / "Daisy" / "02.jpg") as image:
        image.resize((48, 48)).save(folder / "Daisy" / "small.jpg")
    draw_thing("Sunflower", 9).save(folder / "Daisy" / "sunny.jpg")
    content = (folder / "Tulip" / "01.jpg").read_bytes()
    (folder / "Tulip" / "broken.jpg").write_bytes(content[: len(content) // 2])


def write_faces(folder: Path) -> None:
    """Write people, one of them at a door, somebody else, and a group."""
    for person in PEOPLE:
        (folder / "people" / person).mkdir(parents=True)
        for n in range(1, 3):
            draw_person(person, n).save(folder / "people" / person / f"{n:02}.jpg")
    draw_person("anna", 50).save(folder / "door.jpg")
    draw_person("cleo", 51).save(folder / "stranger.jpg")
    draw_group(list(PEOPLE)).save(folder / "group.jpg")


def write_network(path: Path) -> None:
    """Write a network that does not say how it is to be fed: one convolution."""
    weights = np.random.default_rng(0).normal(size=(32, 3, 8, 8)).astype(np.float32)
    node = helper.make_node("Conv", ["input", "weights"], ["output"], strides=[8, 8])
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", channels, None, None])
        for name, channels in (("input", 3), ("output", 32))
    ]
    constants = [numpy_helper.from_array(weights, "weights")]
    graph = helper.make_graph([node], "net", ends[:1], ends[1:], constants)
    opset = helper.make_opsetid("", 13)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)


def write_video(path: Path) -> None:
    """Write a video of 40 different scenes, each still for three frames."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10.0, (320, 240))
    for scene in range(40):
        image = draw_thing(f"scene {scene}", scene, 240).resize((320, 240))
        for _ in range(3):
            writer.write(np.asarray(image)[..., ::-1])
    writer.release()


def write_world(folder: Path) -> Path:
    """Write all of it."""
    write_things(folder / "flowers", FLOWERS, 10)
    write_things(folder / "new_flowers", FLOWERS, 2, first=100)
    write_things(folder / "more", ["Cat"], 3)
    write_mixed(folder / "mixed")
    (folder / "other").mkdir()
    for n in range(6):
        draw_thing(f"other {n}", n).save(folder / "other" / f"{n}.jpg")
    for kind in ("Iris", "Milk", "Cat"):
        draw_thing(kind, 200).save(folder / f"{kind.lower()}.jpg")
    write_faces(folder)
    write_network(folder / "net.onnx")
    write_video(folder / "painting.mp4")
    return folder
