"""Faces that the tests draw, which the cascades of OpenCV take for ones; and a YuNet file."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
# What tells the people apart: hair and skin.
PEOPLE: dict[str, tuple[Colour, Colour]] = {
    "anna": ((200, 60, 30), (235, 195, 175)),
    "ben": ((40, 30, 25), (200, 150, 115)),
    "cleo": ((235, 215, 120), (225, 180, 150)),
}


def draw_head(person: str, size: int = 200, ground: Colour = (120, 150, 170)) -> Image.Image:
    """Draw somebody from the front: eyes in their sockets, brows, a nose with its shadow, lips."""
    hair, skin = PEOPLE[person]
    shade = tuple(int(value * 0.72) for value in skin)
    side, unit = (200, 2)
    image = Image.new("RGB", (side, side), ground)
    pen = ImageDraw.Draw(image)

    def oval(x: float, y: float, wide: float, high: float, ink: tuple[int, ...]) -> None:
        pen.ellipse([v * unit for v in (x - wide, y - high, x + wide, y + high)], fill=ink)

    oval(50, 46, 33, 40, hair)
    oval(50, 52, 27, 36, skin)
    oval(50, 22, 24, 12, hair)
    for x in (38, 62):
        oval(x, 45, 8, 5, shade)
        pen.line([v * unit for v in (x - 7, 38, x + 7, 38)], (60, 40, 25), 3 * unit)
        oval(x, 45, 5, 2.6, (240, 240, 240))
        oval(x, 45, 2.6, 2.8, (35, 25, 20))
    oval(46, 62, 2.5, 1.5, shade)
    oval(54, 62, 2.5, 1.5, shade)
    oval(50, 73, 11, 3.4, (160, 70, 70))
    pen.line([v * unit for v in (39, 73, 61, 73)], (90, 30, 30), 2)
    return image.filter(ImageFilter.GaussianBlur(1.6)).resize((size, size))


def draw_person(person: str, seed: int) -> Image.Image:
    """Draw somebody somewhere in a picture of other things, which say nothing of who it is."""
    chance = np.random.default_rng([list(PEOPLE).index(person), seed])
    image = Image.new("RGB", (480, 360), tuple(chance.integers(60, 220, 3).tolist()))
    pen = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = chance.integers(0, 400), chance.integers(0, 300)
        pen.rectangle((x, y, x + 90, y + 60), tuple(chance.integers(0, 255, 3).tolist()))
    size = int(chance.integers(130, 200))
    place = int(chance.integers(0, 480 - size)), int(chance.integers(0, 360 - size))
    ground = tuple(chance.integers(60, 220, 3).tolist())
    image.paste(draw_head(person, size, ground), place)  # type: ignore[arg-type]
    return image


def draw_group(people: list[str]) -> Image.Image:
    """Draw people side by side, 200 pixels each."""
    image = Image.new("RGB", (260 * len(people), 300), (120, 150, 170))
    for n, person in enumerate(people):
        image.paste(draw_head(person), (260 * n + 30, 50))
    return image


def write_people(folder: Path, shots: int, first: int = 0) -> Path:
    """Write a folder of people."""
    for person in PEOPLE:
        (folder / person).mkdir(parents=True)
        for seed in range(first, first + shots):
            draw_person(person, seed).save(folder / person / f"{seed:02}.png")
    return folder


def write_yunet(path: Path) -> Path:
    """Write a file with YuNet's inputs and outputs that takes what is white for a face."""
    import onnx
    from onnx import TensorProto, helper

    nodes, outputs, constants = [], [], [("to_one", np.float32(1 / 255))]
    nodes.append(helper.make_node("ReduceMean", ["input"], ["grey"], axes=[1], keepdims=1))
    nodes.append(helper.make_node("Mul", ["grey", "to_one"], ["light"]))
    for stride in (8, 16, 32):
        pool = {"kernel_shape": [stride] * 2, "strides": [stride] * 2}
        nodes.append(helper.make_node("AveragePool", ["light"], [f"mean_{stride}"], **pool))
        # Two strides wide and high, in logarithms, and in the middle of the place.
        kinds = {
            "cls": (1, [0]),
            "obj": (1, [0]),
            "bbox": (4, [0.5, 0.5, 0.7, 0.7]),
            "kps": (10, [0]),
        }
        for kind, (width, add) in kinds.items():
            name, flat = f"{kind}_{stride}", f"flat_{kind}_{stride}"
            shape = np.array([1, -1, 1], np.int64)
            constants.append((f"shape_{name}", shape))
            nodes.append(helper.make_node("Reshape", [f"mean_{stride}", f"shape_{name}"], [flat]))
            weight = np.ones((1, 1), np.float32) if width == 1 else np.zeros((1, width), np.float32)
            constants.append((f"weight_{name}", weight))
            constants.append((f"add_{name}", np.float32(np.resize(add, width))))
            nodes.append(helper.make_node("MatMul", [flat, f"weight_{name}"], [f"x_{name}"]))
            nodes.append(helper.make_node("Add", [f"x_{name}", f"add_{name}"], [name]))
            kind_of = TensorProto.FLOAT
            outputs.append(helper.make_tensor_value_info(name, kind_of, [1, None, width]))
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 640, 640])
    tensors = [onnx.numpy_helper.from_array(np.asarray(v), name) for name, v in constants]
    graph = helper.make_graph(nodes, "yunet", [image], outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=7)
    onnx.save(model, str(path))
    return path
