// Use the module that 'fewshot export --javascript' writes; the task is JSON on standard input:
// {module, packages?, runtime?, metadata?, model?, images: [{file, width, height}]}
// Prints the resized pixels, and with a model its metadata and answers, as JSON.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const task = JSON.parse(readFileSync(0));
const { Classifier, readMetadata, resize } = await import(pathToFileURL(task.module));
const images = task.images.map(({ file, ...size }) => ({ data: readFileSync(file), ...size }));
const found = {};
if (task.model) found.metadata = readMetadata(readFileSync(task.model));
const metadata = task.metadata ?? found.metadata;
const encode = (pixels) => Buffer.from(pixels).toString("base64");
found.resized = images.map((image) => encode(resize(image, metadata)));
if (task.runtime) {
  const ort = createRequire(import.meta.url)(resolve(task.packages, task.runtime));
  ort.env.wasm.numThreads = 1;
  const classifier = await Classifier.load(ort, readFileSync(task.model));
  found.classes = classifier.classes;
  found.answers = await classifier.classify(images);
  found.none = await classifier.classify([]);
}
process.stdout.write(JSON.stringify(found));
