"""Fit classes as Keras's tutorials do: a frozen network, Dense softmax, Adam, 30 epochs."""

import json
import os
import sys
import time
from pathlib import Path

SIDE = 224
EARLY_EPOCHS, EPOCHS = 5, 30
_BATCH = 32


def write_base(output: str) -> None:
    """Write MobileNetV2 with fewshot's own weights, in place of a download from Keras."""
    import keras

    sys.path.append(str(Path(__file__).parents[1] / "export"))
    from torch_mobilenet import torch_mobilenet_v2

    network = torch_mobilenet_v2(SIDE)
    mean, std = network.scaling.mean, network.scaling.std
    pixels = keras.Input((SIDE, SIDE, 3))
    scale = keras.layers.Rescaling(
        [1 / s for s in std], [-m / s for m, s in zip(mean, std, strict=True)]
    )
    keras.Model(pixels, network.trunk(scale(pixels), training=False)).save(output)


def fit(base: str, data: str, output: str) -> None:
    """Train and save; print the time of day at which few epochs would have been enough."""
    import keras

    images = keras.utils.image_dataset_from_directory(
        data, image_size=(SIDE, SIDE), batch_size=_BATCH, seed=0, verbose=False
    )
    frozen = keras.saving.load_model(base)
    frozen.trainable = False
    pixels = keras.Input((SIDE, SIDE, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(frozen(pixels, training=False))
    answer = keras.layers.Dense(len(images.class_names), activation="softmax")(pooled)
    model = keras.Model(pixels, answer)
    model.compile(
        keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    ends: list[float] = []
    tick = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.time()))
    model.fit(images, epochs=EPOCHS, callbacks=[tick], verbose=0)
    model.save(output)
    print(json.dumps(ends[EARLY_EPOCHS - 1]))


def classify(model: str, image: str) -> None:
    """Answer for one image."""
    import keras

    pixels = keras.utils.img_to_array(keras.utils.load_img(image, target_size=(SIDE, SIDE)))
    print(keras.saving.load_model(model).predict(pixels[None], verbose=0).argmax())


def evaluate(model: str, data: str) -> None:
    """Print the accuracy on labelled images."""
    import keras

    images = keras.utils.image_dataset_from_directory(
        data, image_size=(SIDE, SIDE), batch_size=_BATCH, shuffle=False, verbose=False
    )
    print(json.dumps(keras.saving.load_model(model).evaluate(images, verbose=0)[1]))


if __name__ == "__main__":
    os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3")
    command, *arguments = sys.argv[1:]
    {"base": write_base, "fit": fit, "classify": classify, "evaluate": evaluate}[command](
        *arguments
    )
