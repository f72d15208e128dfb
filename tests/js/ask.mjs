// Ask a classifier in one ONNX file about pixels, in the runtime that is named, and print its
// outputs as JSON. What the answers should be is left to test_javascript.py.
//
// node ask.mjs NODE_MODULES onnxruntime-node|onnxruntime-web FILE.onnx PIXELS N HEIGHT WIDTH
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [packages, runtime, model, pixels, ...shape] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const ort = require(resolve(packages, runtime));
ort.env.wasm.numThreads = 1;

const session = await ort.InferenceSession.create(readFileSync(model));
const image = new ort.Tensor("uint8", readFileSync(pixels), [...shape.map(Number), 3]);
const outputs = await session.run({ image });
const plain = Object.entries(outputs).map(([name, { dims, data }]) => [
  name,
  { dims, data: Array.from(data, Number) },
]);
process.stdout.write(JSON.stringify(Object.fromEntries(plain)));
