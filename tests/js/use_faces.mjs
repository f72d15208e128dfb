// Use the module of faces that 'fewshot export --javascript' writes; the task is JSON on standard
// input: {module, packages?, runtime?, model?, detector?, images: [{file, width, height,
// shrunk? | reduced? | landmarks?, template?, size?}]}. Prints pixels and answers as JSON.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const task = JSON.parse(readFileSync(0));
const { FaceClassifier, align, reduce, shrink } = await import(pathToFileURL(task.module));
const images = task.images.map(({ file, ...rest }) => ({ data: readFileSync(file), ...rest }));
const encode = (pixels) => Buffer.from(pixels).toString("base64");
const found = {};
if (task.runtime) {
  const ort = createRequire(import.meta.url)(resolve(task.packages, task.runtime));
  ort.env.wasm.numThreads = 1;
  const files = [task.model, task.detector].map((file) => readFileSync(file));
  const classifier = await FaceClassifier.load(ort, ...files);
  found.answers = await classifier.classify(images);
  found.faces = [];
  for (const image of images) found.faces.push(await classifier.classifyFaces(image));
} else {
  found.pixels = images.map(({ landmarks, template, size, shrunk, reduced, ...image }) => {
    if (shrunk) return encode(shrink(image, ...shrunk));
    if (reduced) return encode(reduce(image, ...reduced).data);
    return encode(align(image, landmarks, template, size));
  });
}
process.stdout.write(JSON.stringify(found));
