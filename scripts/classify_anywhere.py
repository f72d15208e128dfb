"""Classify images with a file that `fewshot export` wrote, where fewshot is not installed."""

import json
import math
import os
import sys

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when onnxruntime is imported

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
recipe = session.get_modelmeta().custom_metadata_map
classes, size = json.loads(recipe["classes"]), int(recipe["image_size"])
squash, kept = recipe["resize"] == "squash", float(recipe["crop_fraction"])
for name in sys.argv[2:]:
    image = Image.open(name)
    image.draft(None, (size if squash else math.ceil(size / kept),) * 2)  # decode no more than that
    image = ImageOps.exif_transpose(image).convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    (w, h), side = image.size, min(image.size) * kept
    box = (
        (0, 0, w, h) if squash else ((w - side) / 2, (h - side) / 2, (w + side) / 2, (h + side) / 2)
    )
    image = image.resize((size, size), Image.Resampling[recipe["interpolation"].upper()], box)
    found = session.run(["probabilities", "known"], {"image": np.asarray(image)[None]})
    best = found[0][0].argmax()
    answer, probability = classes[best], found[0][0][best]
    known = f"{answer} {probability:.2f}"
    print(f"{name}  {known if found[1][0] else f'unknown (closest: {answer})'}")
