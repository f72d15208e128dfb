"""Networks that others exported: fed as they want it, and complete wherever they are saved."""

import hashlib
import json
import pickle
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fewshot import Embedder, FewShotClassifier
from fewshot.backbones.find import place_network
from fewshot.backbones.third_party import encode_properties
from fewshot.errors import BackboneError, UsageError
from fewshot.explain.activation_map import explain
from fewshot.images.views import load_views
from tests.conftest import CLASSES, Run, draw

onnx = pytest.importorskip("onnx", reason="networks are made with onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

SIZE, DIM = 32, 6
PICTURES = [draw(label, seed) for seed in range(3) for label in CLASSES]
LABELS = list(CLASSES) * 3
WEIGHTS = np.random.default_rng(5).normal(size=(DIM, 3, 4, 4)).astype(np.float32)
IMAGENET = {
    "channel_order": "RGB",
    "scale": "1/255",
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}
FACES = {"channel_order": "RGB", "scale": 1, "mean": 127.5, "std": 127.5}
CAFFE = {"channel_order": "BGR", "scale": 1, "mean": [103.939, 116.779, 123.68], "std": 1}


@dataclass(frozen=True)
class Net:
    """A convolution over squares of 4 x 4 pixels, in many clothes."""

    layout: str = "NCHW"
    kind: str = "float32"
    batch: int | str = "N"
    size: int | str = "S"
    gives: str = "NCHW"  # or NHWC, vector, pooled
    names: tuple[str, str] = ("input.1", "683")
    channels: int | str = 3
    other_output: bool = False

    def write(self, path: Path, **stated: Any) -> Path:
        """Write the network, and what is stated of it beside it."""
        nodes: list[Any] = []
        tensor = self.names[0]

        def add(operator: str, *more: str, **attributes: Any) -> None:
            nonlocal tensor
            name = f"t{len(nodes)}"
            nodes.append(helper.make_node(operator, [tensor, *more], [name], **attributes))
            tensor = name

        if self.kind == "uint8":
            add("Cast", to=TensorProto.FLOAT)
        if self.layout == "NHWC":
            add("Transpose", perm=[0, 3, 1, 2])
        add("Conv", "weights", strides=[4, 4])
        if self.gives in ("vector", "pooled"):
            add("GlobalAveragePool")
        if self.gives == "vector":
            add("Flatten")
        if self.gives == "NHWC":
            add("Transpose", perm=[0, 2, 3, 1])
        nodes[-1].output[0] = self.names[1]
        outputs = [(self.names[1], [f"d{i}" for i in range(2 if self.gives == "vector" else 4)])]
        if self.other_output:
            nodes.append(helper.make_node("Relu", [self.names[1]], ["positive"]))
            outputs.append(("positive", outputs[0][1]))
        sides = {"N": self.batch, "C": self.channels, "H": self.size, "W": self.size}
        kind = TensorProto.UINT8 if self.kind == "uint8" else TensorProto.FLOAT
        info = helper.make_tensor_value_info
        graph = helper.make_graph(
            nodes,
            "net",
            [info(self.names[0], kind, [sides[side] for side in self.layout])],
            [info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
            [numpy_helper.from_array(WEIGHTS, "weights")],
        )
        opsets = [helper.make_opsetid("", 13)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=7), path)
        if stated:
            path.with_suffix(".json").write_text(json.dumps(stated), "utf-8")
        return path


def maps_of(fed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convolve scaled pixels, (S, S, 3), by hand; shape (DIM, S / 4, S / 4)."""
    n = len(fed) // 4
    squares = fed.reshape(n, 4, n, 4, 3)
    return np.asarray(np.einsum("yixjc,dcij->dyx", squares, WEIGHTS.astype(np.float64)))


def unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / np.linalg.norm(vector)


def windows(maps: NDArray[np.float64], whole: bool) -> NDArray[np.float64]:
    """Average all of a map, or each of its four overlapping windows, to unit length."""
    if whole:
        return unit(maps.mean(axis=(1, 2)))[None]
    tall = maps.shape[1] // 2 + 1
    places = (0, maps.shape[1] - tall)
    corners = [maps[:, y : y + tall, x : x + tall] for y in places for x in places]
    return np.stack([unit(corner.mean(axis=(1, 2))) for corner in corners])


def scaled(pixels: NDArray[np.uint8], stated: dict[str, Any]) -> NDArray[np.float64]:
    """Scale pixels as is stated, by hand."""
    fed = pixels.astype(np.float64)
    if stated["channel_order"] == "BGR":
        fed = np.stack([fed[..., 2], fed[..., 1], fed[..., 0]], axis=-1)
    if "scale" in stated:
        scale = 1 / 255 if stated["scale"] == "1/255" else stated["scale"]
        fed = (fed * scale - np.array(stated["mean"])) / np.array(stated["std"])
    return fed


RGB: dict[str, Any] = {"channel_order": "RGB"}
NETS = {
    "float NCHW": (Net(), {**IMAGENET, "image_size": SIZE}),
    "float NHWC": (Net("NHWC", gives="NHWC"), {**IMAGENET, "image_size": SIZE}),
    "uint8 NHWC": (Net("NHWC", "uint8"), {**RGB, "image_size": SIZE}),
    "uint8 NCHW BGR": (Net("NCHW", "uint8"), {"channel_order": "BGR", "image_size": SIZE}),
    "fixed batch and size": (Net(batch=1, size=SIZE), CAFFE),
    "batches of two": (Net("NHWC", batch=2, size=SIZE, gives="vector"), FACES),
    "an embedding": (Net(batch=1, size=SIZE, gives="vector"), FACES),
    "a map of one place": (Net(size=SIZE, gives="pooled", names=("x/y:0", "ünï")), FACES),
    "two outputs": (Net(other_output=True), {**CAFFE, "image_size": SIZE, "output": "683"}),
    "nothing but names": (
        Net("NHWC", size="H", channels="C"),
        {**FACES, "image_size": SIZE, "input_layout": "NHWC"},
    ),
}


@pytest.mark.parametrize("views", [1, 3])
@pytest.mark.parametrize("which", NETS)
def test_embeddings_are_those_of_arithmetic_by_hand(which: str, views: int, tmp_path: Path) -> None:
    net, stated = NETS[which]
    embedder = Embedder(net.write(tmp_path / "net.onnx", **stated), views=views)
    backbone = embedder.backbone_
    assert (backbone.dim, backbone.preprocessing.image_size, backbone.name) == (DIM, SIZE, "net")
    whole = net.gives in ("vector", "pooled")
    assert backbone.has_feature_map is not whole
    for picture in PICTURES[:3]:
        looks = load_views(picture, embedder.preprocessing_).pixels
        assert len(looks) == views
        parts = [windows(maps_of(scaled(look, stated)), whole) for look in looks]
        expected = unit(np.concatenate(parts).sum(axis=0))
        np.testing.assert_allclose(embedder.embed_one(picture), expected, atol=2e-5)


@pytest.mark.parametrize("which", NETS)
def test_saved_it_is_complete_and_answers_the_same_bit_for_bit(which: str, tmp_path: Path) -> None:
    net, stated = NETS[which]
    (tmp_path / "there").mkdir()
    original = net.write(tmp_path / "there" / "net.onnx", **stated)
    before = original.read_bytes()
    fitted = FewShotClassifier(backbone=original).fit(PICTURES, LABELS)
    expected = fitted.predict_proba(PICTURES)
    folder = fitted.save(tmp_path / "models").parent
    shutil.rmtree(original.parent)
    placed = folder / "net.onnx"
    assert placed.read_bytes().startswith(before) and len(placed.read_bytes()) > len(before)
    digest = hashlib.sha256(placed.read_bytes()).hexdigest()
    loaded = FewShotClassifier.load(folder)
    assert digest == fitted.artifact_.backbone.sha256 == loaded.artifact_.backbone.sha256
    np.testing.assert_array_equal(loaded.predict_proba(PICTURES), expected)
    assert replace(loaded.embedder_.backbone_, path=original, appendix=b"") == replace(
        fitted.embedder_.backbone_, appendix=b""
    )
    alone = FewShotClassifier(backbone=placed).fit(PICTURES, LABELS)
    np.testing.assert_array_equal(alone.predict_proba(PICTURES), expected)
    again = loaded.save(tmp_path / "elsewhere").parent / "net.onnx"
    assert again.read_bytes() == placed.read_bytes()


def test_appended_properties_are_read_by_everybody(tmp_path: Path) -> None:
    """Also in place of those of the same name that were there."""
    path = Net(size=SIZE).write(tmp_path / "net.onnx", **FACES, name="face", licence="MIT © me")
    model = onnx.load(path)
    helper.set_model_props(model, {"name": "another", "author": "somebody"})
    onnx.save(model, path)
    fitted = FewShotClassifier(backbone=path).fit(PICTURES, LABELS)
    placed = fitted.save(tmp_path / "models").parent / "net.onnx"
    reopened = onnx.load(placed)
    onnx.checker.check_model(onnx.load(path))
    assert reopened.graph == model.graph
    props = {prop.key: prop.value for prop in reopened.metadata_props}
    assert props["author"] == "somebody" and props["name"] == "face"
    assert props["fewshot_format"] == "1" and props["mean"] == "[127.5, 127.5, 127.5]"
    backbone = Embedder(placed).backbone_
    assert (backbone.name, backbone.licence, backbone.appendix) == ("face", "MIT © me", b"")


def test_unchanged_images_are_not_embedded_again(tmp_path: Path) -> None:
    path = Net(size=SIZE).write(tmp_path / "net.onnx", **FACES)
    models = tmp_path / "models"
    FewShotClassifier(backbone=path).fit(PICTURES, LABELS).save(models)

    def n_embedded(backbone: Path) -> int:
        again = FewShotClassifier(backbone=backbone).fit(PICTURES, LABELS, reuse=models)
        assert again.embedded_
        return again.embedded_.n_embedded

    assert n_embedded(path) == n_embedded(models / "net.onnx") == 0
    path.with_suffix(".json").write_text(json.dumps(FACES | {"channel_order": "BGR"}), "utf-8")
    assert n_embedded(path) == len(PICTURES)


def test_another_statement_beside_a_file_of_the_same_name(tmp_path: Path) -> None:
    path = Net(size=SIZE).write(tmp_path / "net.onnx", **FACES)
    FewShotClassifier(backbone=path).fit(PICTURES, LABELS).save(tmp_path)
    placed = [file.name for file in sorted(tmp_path.glob("net-*.onnx"))]
    assert len(placed) == 1 and FewShotClassifier.load(tmp_path).classify(PICTURES[0]).label
    (tmp_path / placed[0]).replace(tmp_path / "kept")
    with pytest.raises(FileNotFoundError):
        FewShotClassifier.load(tmp_path)


def test_where_only_the_original_is_left_it_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    path = Net(size=SIZE).write(tmp_path / "models" / "net.onnx", **FACES)
    fitted = FewShotClassifier(backbone=path).fit(PICTURES, LABELS)
    fitted.save(tmp_path / "other")
    (tmp_path / "other" / "net.onnx").unlink()
    loaded = FewShotClassifier.load(tmp_path / "other")
    np.testing.assert_array_equal(loaded.predict_proba(PICTURES), fitted.predict_proba(PICTURES))
    path.with_suffix(".json").write_text(json.dumps({**FACES, "mean": 0}), "utf-8")
    with pytest.raises(BackboneError, match=r"fitted with backbone net\.onnx .* another"):
        FewShotClassifier.load(tmp_path / "other")


def test_a_pickled_embedder_keeps_to_what_was_stated(tmp_path: Path) -> None:
    path = Net(size=SIZE).write(tmp_path / "net.onnx", **FACES)
    embedder = Embedder(path)
    expected = embedder.embed(PICTURES)
    data = pickle.dumps(embedder)
    np.testing.assert_array_equal(pickle.loads(data).embed(PICTURES), expected)
    path.with_suffix(".json").write_text(json.dumps({**FACES, "mean": 0}), "utf-8")
    with pytest.raises(BackboneError, match=r"its sidecar is not what it was"):
        pickle.loads(data).embed(PICTURES)


def stated_example(message: str) -> dict[str, Any]:
    """Copy the example out of an error."""
    found = re.search(r"for example: (\{.*\})", message)
    assert found
    return dict(json.loads(found[1]))


@pytest.mark.parametrize(
    ("net", "missing"),
    [
        (Net(), "image_size, channel_order, scale, mean, std"),
        (Net(size=SIZE), "channel_order, scale, mean, std"),
        (Net("NHWC", "uint8", size=SIZE), "channel_order"),
        (Net(channels="C", kind="uint8"), "image_size, input_layout, channel_order"),
    ],
)
def test_what_is_missing_is_asked_for_with_an_example_to_copy(
    net: Net, missing: str, tmp_path: Path
) -> None:
    path = net.write(tmp_path / "net.onnx")
    with pytest.raises(BackboneError) as raised:
        Embedder(path).embed(PICTURES)
    message = str(raised.value)
    beside = re.escape(str(path.with_suffix(".json")))
    assert re.match(rf".*net\.onnx: .* state {missing} in {beside}, for example", message)
    path.with_suffix(".json").write_text(json.dumps(stated_example(message)), "utf-8")
    assert Embedder(path).embed(PICTURES).shape == (len(PICTURES), DIM)


def test_what_is_stated_already_is_part_of_the_example(tmp_path: Path) -> None:
    path = Net(size=SIZE).write(tmp_path / "net.onnx", scale="1/255", mean=0.5, std=0.5, name="é")
    with pytest.raises(BackboneError, match=r"state channel_order in") as raised:
        Embedder(path).embed(PICTURES)
    halves = [0.5] * 3
    assert stated_example(str(raised.value)) == {
        "scale": "1/255",
        "mean": halves,
        "std": halves,
        "name": "é",
        "channel_order": "RGB",
    }


@pytest.mark.parametrize(
    ("net", "stated", "message"),
    [
        (Net(size=SIZE), {"input_layout": "NHWC"}, r"states input_layout 'NHWC', but .*'NCHW'"),
        (Net(size=SIZE), {"image_size": 64}, r"states image_size 64, but .*32.* leave it out"),
        (Net(size=SIZE), {"input_type": "uint8"}, r"states input_type 'uint8', but .*'float32'"),
        (Net(size=SIZE), {"output": "logits"}, r"no 'logits' among its outputs 683"),
        (Net(size=SIZE), {"output_layout": "vector"}, r"not vector as net\.json states"),
        (Net(size=SIZE), {"output_layout": "NHWC"}, r"not NHWC as net\.json states"),
        (
            Net("NHWC", "uint8", size=SIZE),
            {"mean": 3},
            r"states mean \(3\.0, .* correct it or leave it out",
        ),
        (Net(size=SIZE, other_output=True), {}, r"one must be chosen among its outputs 683"),
        (Net(size=SIZE, channels=1), {}, r"no place for 3 colours"),
        (Net(size=SIZE), {"channel_order": "GBR"}, r"channel_order is 'GBR'; expected 'RGB' or"),
        (Net(size=SIZE), {"scale": "1/0"}, r"scale is '1/0'; expected a number or a fraction"),
        (Net(size=SIZE), {"scale": 0}, r"expected numbers above 0"),
        (Net(size=SIZE), {"std": [1, 2]}, r"std is \[1, 2\]; expected a number, or a list of th"),
        (Net(size=SIZE), {"std": 0.229}, r"turn black into .* and white into .*scale 1/255"),
        (Net(size=SIZE), {"scale": "1/255"}, r"turn black into -1 and white into -0\.9"),
        (Net(size=SIZE), {"mean": float("inf")}, r"not all finite"),
        (Net(size=SIZE), {"means": 1}, r"states 'means', an unknown key; expected mean$"),
        (Net(size=SIZE), {"licence": 1}, r"licence is 1; expected a text"),
        (Net(), {"image_size": "32"}, r"image_size is '32'; expected a whole number"),
        (Net(size=SIZE), {"resize": "pad"}, r"net\.json: resize is 'pad'; expected 'squash'"),
    ],
)
def test_wrong_statements(net: Net, stated: dict[str, Any], message: str, tmp_path: Path) -> None:
    whole = ({} if net.kind == "uint8" else FACES) | RGB | stated
    path = net.write(tmp_path / "net.onnx", **whole)
    with pytest.raises(BackboneError, match=message):
        Embedder(path).embed(PICTURES)


@pytest.mark.parametrize("text", ["{", "[1]", "3", "null", '{"a"}', "\xff"])
def test_statements_that_are_none(text: str, tmp_path: Path) -> None:
    path = Net(size=SIZE).write(tmp_path / "net.onnx")
    path.with_suffix(".json").write_text(text, "latin-1")
    with pytest.raises(BackboneError, match=r"net\.json: .*expected an object like \{"):
        Embedder(path).embed(PICTURES)


def test_a_network_for_something_else(tmp_path: Path) -> None:
    info = helper.make_tensor_value_info
    taken = [info("ids", TensorProto.INT64, ["N", 7])]
    given = [info("same", TensorProto.INT64, ["N", 7])]
    graph = helper.make_graph([helper.make_node("Identity", ["ids"], ["same"])], "n", taken, given)
    opsets = [helper.make_opsetid("", 13)]
    path = tmp_path / "text.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=7), path)
    with pytest.raises(BackboneError, match=r"its inputs are ids .*; expected one, of shape"):
        Embedder(path).embed(PICTURES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": "[1"}, "unusable metadata: "),
        ({"mean": "[1, 2]"}, "unusable metadata: "),
        ({"std": "3"}, "unusable metadata: scale, mean or std"),
        ({"scale": "1" + "0" * 400}, "unusable metadata: scale, mean or std"),
        ({"output_layout": "CHW"}, "unusable metadata: output_layout is 'CHW'"),
        ({"input": "gone"}, "onnxruntime cannot run it on pixels of shape"),
        ({"output": "gone"}, "onnxruntime cannot run it on pixels of shape"),
        ({"image_size": "64"}, "onnxruntime cannot run it on pixels of shape"),
        (
            {"output_layout": "vector"},
            r"is of shape \(1, 384, 1, 1\) for 32 x 32 pixels; expected 6",
        ),
        ({"dim": "7"}, r"is of shape \(1, 6, 8, 8\) for 32 x 32 pixels; expected 7"),
        ({"dim": "1000000000000"}, "say dim 1000000000000; expected 1 to"),
    ],
)
def test_placed_files_that_were_tampered_with(
    change: dict[str, str], message: str, tmp_path: Path
) -> None:
    path = Net(size=SIZE).write(tmp_path / "net.onnx", **FACES)
    placed = tmp_path / "models"
    placed.mkdir()
    backbone = Embedder(path).backbone_
    file = placed / place_network(path, backbone.sha256, placed, backbone.appendix)
    file.write_bytes(file.read_bytes() + encode_properties(change))
    with pytest.raises(BackboneError, match=rf"net\.onnx: .*{message}"):
        Embedder(file).embed(PICTURES)


def test_without_a_feature_map_parts_are_covered(tmp_path: Path) -> None:
    path = Net(size=SIZE, gives="vector").write(tmp_path / "net.onnx", **FACES)
    fitted = FewShotClassifier(backbone=path).fit(PICTURES, LABELS)
    covered = fitted.explain(PICTURES[0])
    assert covered.occlusion and covered.maps.shape == (1, 7, 7)
    path = Net(size=SIZE).write(tmp_path / "map.onnx", **FACES)
    fitted = FewShotClassifier(backbone=path).fit(PICTURES, LABELS)
    found = explain(fitted.artifact_, fitted.embedder_, PICTURES[0])
    assert found.maps.shape == (1, SIZE // 4, SIZE // 4)


def test_the_command_line_from_beginning_to_end(
    fewshot: Run, support_folder: Path, tmp_path: Path
) -> None:
    path = Net(size=SIZE, gives="vector").write(tmp_path / "net.onnx")
    asked = fewshot("fit", support_folder, "--backbone", path)
    assert (asked.returncode, asked.stdout) == (2, "") and asked.stderr.count("\n") == 1
    path.with_suffix(".json").write_text(json.dumps(stated_example(asked.stderr)), "utf-8")
    fitted = fewshot("fit", support_folder, "--backbone", path)
    assert (fitted.returncode, fitted.stderr) == (0, "")
    path.unlink()
    assert fewshot("classify", support_folder).returncode == 0
    assert fewshot("verify", "models").returncode == 0
    refused = fewshot("export")
    assert refused.returncode == 2 and "net.onnx: " in refused.stderr
    assert fewshot("explain", support_folder).returncode == 0
    timed = fewshot("benchmark", "--seconds", 1)
    assert (timed.returncode, timed.stderr) == (0, "")
    assert "other precisions: net.onnx: takes NCHW float32" in timed.stdout
    assert f"the backbone takes {SIZE} pixels only" in timed.stdout


def test_any_image_size_where_the_network_takes_it(tmp_path: Path) -> None:
    path = Net().write(tmp_path / "net.onnx", **FACES, image_size=SIZE)
    embedder = Embedder(path, image_size=64)
    pixels = load_views(PICTURES[0], embedder.preprocessing_).pixels
    assert pixels.shape == (1, 64, 64, 3)
    expected = unit(windows(maps_of(scaled(pixels[0], FACES)), False).sum(axis=0))
    np.testing.assert_allclose(embedder.embed_one(PICTURES[0]), expected, atol=2e-5)
    fixed = Net(size=SIZE).write(tmp_path / "fixed.onnx", **FACES)
    with pytest.raises(UsageError, match=r"image size 64: fixed\.onnx takes 32 x 32 pixels only"):
        Embedder(fixed, image_size=64).embed(PICTURES)
    assert Embedder(fixed, image_size=32).embed(PICTURES).shape == (len(PICTURES), DIM)
