"""Networks that give what nobody can compute with: one line, exit code 2, and nothing written."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fewshot import FewShotClassifier, read_artifact
from fewshot.artifact import write_artifact
from tests.conftest import CLASSES, Run, draw

onnx = pytest.importorskip("onnx", reason="networks are made with onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

SIZE, DIM = 32, 6
PROPERTIES = {
    "fewshot_format": "1",
    "name": "hostile",
    "source": "",
    "licence": "",
    "image_size": str(SIZE),
    "resize": "squash",
    "crop_fraction": "1.0",
    "interpolation": "bilinear",
    "dim": str(DIM),
}
FLOATS = TensorProto.FLOAT
MAP = ["N", DIM, "h", "w"]


def node(operator: str, inputs: str, output: str, **attributes: Any) -> Any:
    return helper.make_node(operator, inputs.split(), [output], **attributes)


def times(number: float) -> tuple[list[Any], dict[str, Any]]:
    return [node("Mul", "map number", "feature_map")], {"number": np.float32(number)}


def part(axis: int, end: int) -> tuple[list[Any], dict[str, Any]]:
    """Cut the map off along an axis."""
    places = {"start": [0], "end": [end], "axis": [axis]}
    return [node("Slice", "map start end axis", "feature_map")], {
        name: np.array(value, np.int64) for name, value in places.items()
    }


# What follows the map, the numbers that it needs, and the type and shape that are declared.
ENDS: dict[str, tuple[list[Any], dict[str, Any], int, list[Any]]] = {
    "not a number": (*times(np.nan), FLOATS, MAP),
    "infinite": (*times(-np.inf), FLOATS, MAP),
    "too large": (*times(1e38), FLOATS, MAP),
    "nothing of each image": (*part(2, 0), FLOATS, MAP),
    "no image": (*part(0, 0), FLOATS, MAP),
    "another dim": (*part(1, 2), FLOATS, MAP),
    "twice as many": ([node("Concat", "map map", "feature_map", axis=0)], {}, FLOATS, MAP),
    "a single number": ([node("ReduceMean", "map", "feature_map", keepdims=0)], {}, FLOATS, []),
    "as many as there are positive ones": (
        [
            node("Greater", "map zero", "positive"),
            node("NonZero", "positive", "places"),
            node("Cast", "places", "feature_map", to=FLOATS),
        ],
        {"zero": np.float32(0)},
        FLOATS,
        ["a", "b"],
    ),
    "texts": (
        [node("Cast", "map", "feature_map", to=TensorProto.STRING)],
        {},
        TensorProto.STRING,
        MAP,
    ),
    "an operator that nobody knows": (
        [node("Nonsense", "map", "feature_map", domain="nowhere")],
        {},
        FLOATS,
        MAP,
    ),
}
# Fine for light images only: the root of what is above 0.55 of white.
DARK = (
    [
        node("ReduceMean", "scaled", "mean", keepdims=0),
        node("Sub", "mean threshold", "above"),
        node("Sqrt", "above", "root"),
        node("Mul", "map root", "feature_map"),
    ],
    {"threshold": np.float32(0.55)},
    FLOATS,
    MAP,
)
PLAIN = ([node("Identity", "map", "feature_map")], {}, FLOATS, MAP)


def write_network(
    path: Path, end: tuple[list[Any], dict[str, Any], int, list[Any]], fewshot: bool = True
) -> Path:
    """Write a convolution with an end; as a backbone of fewshot, or as anybody's network."""
    nodes, numbers, kind, shape = end
    weights = np.random.default_rng(5).normal(size=(DIM, 3, 4, 4)).astype(np.float32)
    numbers = {**numbers, "weights": weights, "white": np.float32(255)}
    beginning = [
        node("Cast", "image", "floats", to=FLOATS),
        node("Transpose", "floats", "turned", perm=[0, 3, 1, 2]),
        node("Div", "turned white", "scaled"),
        node("Conv", "scaled weights", "map", strides=[4, 4]),
    ]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        beginning + nodes,
        "hostile",
        [info("image", TensorProto.UINT8, ["N", SIZE, SIZE, 3])],
        [info("feature_map", kind, shape)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in numbers.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    if fewshot:
        helper.set_model_props(model, PROPERTIES)
    else:
        stated = {"image_size": SIZE, "channel_order": "RGB"}
        path.with_suffix(".json").write_text(json.dumps(stated), "utf-8")
    path.write_bytes(model.SerializeToString())
    return path


def assert_refused(told: Any, name: str) -> None:
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.count("\n") == 1 and name in told.stderr


@pytest.mark.parametrize(
    ("end", "whose"),
    [(end, "ours") for end in ENDS] + [(end, "anybody's") for end in ENDS if end != "another dim"],
)
def test_fitting_refuses_it(
    end: str, whose: str, cli: Run, support_folder: Path, tmp_path: Path
) -> None:
    net = write_network(tmp_path / "net.onnx", ENDS[end], whose == "ours")
    assert_refused(cli("fit", support_folder, "--backbone", net, "--json"), "net.onnx")
    assert not (tmp_path / "models").exists()


def test_fitting_refuses_what_shows_with_some_images_only(cli: Run, tmp_path: Path) -> None:
    net = write_network(tmp_path / "net.onnx", DARK)
    for label, grey in zip("abc", (250, 240, 20), strict=True):
        (tmp_path / "data" / label).mkdir(parents=True)
        draw("disc", 1).point(lambda value, grey=grey: grey + value // 50).save(
            tmp_path / "data" / label / "1.png"
        )
    told = cli("fit", "data", "--backbone", net)
    assert_refused(told, "gives numbers that are not finite, or larger than 1e+15")


@pytest.fixture
def swapped(support_folder: Path, tmp_path: Path) -> Any:
    """Make classifiers whose backbone is another network than they were fitted with."""
    fitted = FewShotClassifier(backbone=write_network(tmp_path / "plain.onnx", PLAIN))
    file = fitted.fit(support_folder).save(tmp_path / "fitted")

    def make(end: str) -> Path:
        artifact, net = read_artifact(file), write_network(tmp_path / "net.onnx", ENDS[end])
        sha256 = hashlib.sha256(net.read_bytes()).hexdigest()
        backbone = replace(artifact.backbone, file=net.name, sha256=sha256)
        return write_artifact(replace(artifact, backbone=backbone), tmp_path).parent

    return make


@pytest.mark.parametrize("end", ["not a number", "too large", "no image", "another dim", "texts"])
def test_every_command_refuses_it(
    end: str, swapped: Any, cli: Run, support_folder: Path, tmp_path: Path
) -> None:
    folder = swapped(end)
    draw(CLASSES[0], 90).save(tmp_path / "new.png")
    for command in (
        ["classify", "new.png", "--json", "--models", folder],
        ["classify", support_folder, "--models", folder],
        ["add", "--label", "grid", "new.png", "--models", folder],
        ["explain", "new.png", "-o", "map.png", "--models", folder],
        ["verify", folder],
        ["benchmark", "--models", folder],
    ):
        assert_refused(cli(*command), "net.onnx")
