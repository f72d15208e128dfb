"""Exported files: used like a folder, and refused when they could do harm or contradict."""

import base64
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from fewshot import FewShotClassifier
from fewshot.backbones.find import find_backbone
from fewshot.classifier.exported import ExportedClassifier
from fewshot.classifier.load import load_classifier
from fewshot.errors import ArtifactError, BackboneError, MissingFileError
from fewshot.export.onnx_file import export_classifier
from tests.conftest import Run

Change = Callable[[onnx.ModelProto], None]


@pytest.fixture(scope="module")
def file(classifier: FewShotClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported file; not to be written to."""
    return export_classifier(classifier, tmp_path_factory.mktemp("file") / "classifier.onnx")


def changed(file: Path, folder: Path, change: Change) -> Path:
    """Write a copy of a file with a change in it."""
    model = onnx.load(file)
    change(model)
    copy = folder / "changed.onnx"
    copy.write_bytes(model.SerializeToString())
    return copy


def say(key: str, value: str) -> Change:
    """Change what the metadata say."""

    def change(model: onnx.ModelProto) -> None:
        said = {p.key: p.value for p in model.metadata_props}
        helper.set_model_props(model, {**said, key: value})

    return change


def test_it_is_used_like_a_folder(
    fewshot: Run, file: Path, models: Path, query_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no")
    answers = [
        fewshot("classify", "--models", place, query_folder, tmp_path / "broken.png", "--json")
        for place in (file, models)
    ]
    assert [answer.returncode for answer in answers] == [1, 1]
    ours, theirs = ([json.loads(line) for line in a.stdout.splitlines()] for a in answers)
    assert len(ours) == 10
    for one, other in zip(ours, theirs, strict=True):
        assert one.get("label") == other.get("label") and one.get("known") == other.get("known")
        assert one.get("probability", 0) == pytest.approx(other.get("probability", 0), abs=1e-5)
    assert "3 classes: disc 4, grid 4, stripes 4" in fewshot("info", "--models", file).stdout


def test_either_kind_is_opened(file: Path, models: Path, query_folder: Path) -> None:
    exported, folder = load_classifier(file, threads=2), load_classifier(models)
    assert isinstance(exported, ExportedClassifier) and isinstance(folder, FewShotClassifier)
    assert exported.score(query_folder) == folder.score(query_folder)
    assert exported.summary() == folder.artifact_.summary()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("fewshot_classifier", "9", "of format 9; this fewshot reads format 1"),
        ("classes", '["a"]', "damaged metadata .*classes differ"),
        ("classes", '"disc"', "damaged metadata .*classes differ"),
        ("classes", "{", "damaged metadata"),
        ("classes", "3", "damaged metadata"),
        ("image_size", "100000", "damaged metadata .*expected 1 to 4096 pixels"),
        ("image_size", "96", "damaged metadata .*expected image, uint8"),
        ("interpolation", "../x", "damaged metadata"),
        ("references", "[]", "damaged metadata"),
        ("references", '{"known": [true], "embeddings": "", "probabilities": "AAA"}', "damaged"),
        ("crop_fraction", "nan", "damaged metadata"),
        ("summary", "[1]", "damaged metadata .*summary is list, expected dict"),
        ("summary", "[" * 100_000, "damaged metadata"),
        ("summary", "{}", "damaged metadata .*summary lacks format, created"),
    ],
)
def test_metadata_that_contradict_are_refused(
    key: str, value: str, message: str, file: Path, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError, match=rf"changed\.onnx: .*{message}"):
        ExportedClassifier(changed(file, tmp_path, say(key, value)))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("temperature", float("nan"), "summary.temperature is nan"),
        ("temperature", 10**400, "too large"),
        ("measured", {"accuracy_low": 1.0}, "measured does not fit"),
        ("created", "\ud800", "summary.created is not Unicode text"),
        ("backbone", None, "summary.backbone is NoneType"),
    ],
)
def test_a_summary_that_makes_no_sense_is_refused(
    key: str, value: object, message: str, file: Path, tmp_path: Path
) -> None:
    summary = json.loads(ExportedClassifier(file)._network.properties["summary"])
    damaged = changed(file, tmp_path, say("summary", json.dumps({**summary, key: value})))
    with pytest.raises(ArtifactError, match=f"damaged metadata .*{message}"):
        ExportedClassifier(damaged)


@pytest.mark.parametrize("name", ["embeddings", "probabilities"])
def test_reference_answers_that_are_not_finite_are_refused(
    name: str, file: Path, tmp_path: Path
) -> None:
    references = json.loads(ExportedClassifier(file)._network.properties["references"])
    references[name] = base64.b64encode(
        np.full(len(base64.b64decode(references[name])) // 4, np.inf, "<f4").tobytes()
    ).decode()
    with pytest.raises(ArtifactError, match=r"damaged metadata .*references are not"):
        ExportedClassifier(changed(file, tmp_path, say("references", json.dumps(references))))


def without_inputs(model: onnx.ModelProto) -> None:
    del model.graph.input[:]


def without_an_output(model: onnx.ModelProto) -> None:
    del model.graph.output[0]


@pytest.mark.parametrize("change", [without_inputs, without_an_output])
def test_a_graph_that_takes_or_gives_something_else_is_refused(
    change: Change, file: Path, tmp_path: Path
) -> None:
    with pytest.raises((ArtifactError, BackboneError), match=r"changed\.onnx: "):
        ExportedClassifier(changed(file, tmp_path, change))


@pytest.mark.parametrize("number", [np.nan, 1e38, -1.0, 5.0])
def test_probabilities_that_are_none_are_refused(
    number: float, cli: Run, file: Path, query_folder: Path, tmp_path: Path
) -> None:
    def multiply(model: onnx.ModelProto) -> None:
        (last,) = (node for node in model.graph.node if "probabilities" in node.output)
        last.output[list(last.output).index("probabilities")] = "before"
        factor = onnx.numpy_helper.from_array(np.float32(number), "factor")
        model.graph.initializer.append(factor)
        model.graph.node.append(helper.make_node("Mul", ["before", "factor"], ["probabilities"]))

    hostile = changed(file, tmp_path, multiply)
    for command in (["classify", query_folder, "--models", hostile], ["verify", hostile]):
        told = cli(*command)
        assert (told.returncode, told.stdout, told.stderr.count("\n")) == (2, "", 1)
        assert "changed.onnx" in told.stderr and "probabilities" in told.stderr


def test_what_needs_the_folder_says_so(file: Path, fewshot: Run) -> None:
    refused = fewshot("export", "--models", file)
    assert refused.returncode == 2
    assert "a single file; give the folder it was exported from" in refused.stderr


def test_other_files_are_refused(tmp_path: Path, fewshot: Run) -> None:
    with pytest.raises(MissingFileError, match=r"gone\.onnx: no such file"):
        ExportedClassifier(tmp_path / "gone.onnx")
    with pytest.raises(ArtifactError, match="not an exported classifier, its metadata lack"):
        ExportedClassifier(find_backbone())
    (tmp_path / "text.onnx").write_text("no network", encoding="utf-8")
    with pytest.raises(BackboneError, match=r"text\.onnx: not an ONNX file"):
        ExportedClassifier(tmp_path / "text.onnx")
    refused = fewshot("classify", "--models", "text.onnx", "x.png")
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1


def store_outside(tensor: onnx.TensorProto) -> None:
    """Let a tensor be read from another file."""
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")


def in_initializer(model: onnx.ModelProto) -> None:
    store_outside(model.graph.initializer[0])


def in_constant(model: onnx.ModelProto) -> None:
    tensor = onnx.numpy_helper.from_array(np.zeros(4, np.float32), "secret")
    store_outside(tensor)
    model.graph.node.insert(0, helper.make_node("Constant", [], ["secret"], value=tensor))


def in_a_branch(model: onnx.ModelProto) -> None:
    tensor = onnx.numpy_helper.from_array(np.zeros(4, np.float32), "secret")
    store_outside(tensor)
    branch = helper.make_graph([helper.make_node("Constant", [], ["s"], value=tensor)], "b", [], [])
    node = helper.make_node("If", ["c"], ["out"], then_branch=branch, else_branch=branch)
    model.graph.node.insert(0, node)


def in_a_function(model: onnx.ModelProto) -> None:
    tensor = onnx.numpy_helper.from_array(np.zeros(4, np.float32), "secret")
    store_outside(tensor)
    function = model.functions.add(name="f", domain="d", output=["s"])
    function.attribute_proto.add(name="v", type=onnx.AttributeProto.TENSOR, t=tensor)


def in_sparse_weights(model: onnx.ModelProto) -> None:
    store_outside(model.graph.sparse_initializer.add().values)


def in_training(model: onnx.ModelProto) -> None:
    store_outside(model.training_info.add().initialization.initializer.add())


HIDING = [
    in_initializer,
    in_constant,
    in_a_branch,
    in_a_function,
    in_sparse_weights,
    in_training,
]


@pytest.mark.parametrize("change", HIDING)
def test_a_file_that_wants_to_read_others_is_refused(
    change: Change, file: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(1 << 20))
    with pytest.raises(BackboneError, match=r"changed\.onnx: keeps weights in another file"):
        ExportedClassifier(changed(file, tmp_path, change))


def test_keys_longer_than_others_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "long.onnx").write_bytes(b"\xba\x80\x80\x80\x10\0")  # field 7, cut to 32 bits
    with pytest.raises(BackboneError, match=r"long\.onnx: not an ONNX file"):
        ExportedClassifier(tmp_path / "long.onnx")


def test_it_can_be_pickled(file: Path) -> None:
    copy = pickle.loads(pickle.dumps(ExportedClassifier(file, threads=1)))
    picture = np.zeros((50, 50, 3), np.uint8)
    assert copy.classify(picture) == ExportedClassifier(file).classify(picture)


def test_a_graph_that_cannot_be_run_is_named(file: Path, tmp_path: Path) -> None:
    def wrong_shape(model: onnx.ModelProto) -> None:
        (flat,) = (t for t in model.graph.initializer if t.name.endswith("flat"))
        flat.CopyFrom(onnx.numpy_helper.from_array(np.array([2, 1280, 49]), flat.name))

    exported = ExportedClassifier(changed(file, tmp_path, wrong_shape))
    with pytest.raises(BackboneError, match=r"changed\.onnx: onnxruntime cannot run it"):
        exported.classify(np.zeros((50, 50, 3), np.uint8))


def test_a_class_may_be_called_location(file: Path, tmp_path: Path) -> None:
    def rename(model: onnx.ModelProto) -> None:
        for said in model.metadata_props:
            said.value = said.value.replace('"disc"', '"location"')

    named = changed(file, tmp_path, rename)
    assert ExportedClassifier(named).class_names_ == ("location", "grid", "stripes")


def test_every_truncation_is_refused(file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes() + b"location"
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 9, len(whole)):
        (tmp_path / "cut.onnx").write_bytes(whole[:length])
        with pytest.raises((BackboneError, ArtifactError), match=r"cut\.onnx: "):
            ExportedClassifier(tmp_path / "cut.onnx")
