// Find and classify faces with a file that 'fewshot export' wrote, and the detector beside it:
//
//   const detector = await readFile("face_detector.onnx");
//   const classifier = await FaceClassifier.load(ort, await readFile("classifier.onnx"), detector);
//   for (const face of await classifier.classifyFaces(image)) console.log(face.label, face.box);
//
// Images are those of classifier.mjs. Faces are found and aligned as in Python.
import { Classifier, open, resample, resize, toRgb } from "./classifier.mjs";

// Boxes and landmarks that reach further, in pixels, are damaged.
const [MOST_FACES, FURTHEST] = [1000, 1e6];
const MARGIN = 0.1; // around a face that is not aligned, in parts of its side

export class FaceClassifier extends Classifier {
  /** Open both files, each given as Uint8Array or ArrayBuffer. */
  static async load(ort, content, detector, options = {}) {
    const { session, metadata } = await open(ort, content, options);
    if (metadata.crop !== "face") {
      throw new Error("a classifier of whole images; expected one of faces; use Classifier");
    }
    const bytes = detector instanceof Uint8Array ? detector : new Uint8Array(detector ?? 0);
    await requireSame(bytes, metadata);
    const classifier = new FaceClassifier(ort, session, metadata);
    classifier.detector = await ort.InferenceSession.create(bytes, options);
    return classifier;
  }

  constructor(ort, session, metadata) {
    super(ort, session, metadata);
    this.steps = JSON.parse(metadata.face_steps);
    this.template = JSON.parse(metadata.alignment);
  }

  /** Classify the largest face of each image. Where there is none, `faceFound` is false, and the
   * image is classified whole or has no label, as the classifier was fitted. */
  async classify(images) {
    const found = [];
    for (const image of images) found.push(await this.classifyLargest(toRgb(image)));
    return found;
  }

  async classifyLargest(image) {
    const [face] = await this.detect(image);
    if (!face && this.metadata.no_face !== "whole") {
      const scores = this.classes.map((label) => ({ label, probability: 0 }));
      return { label: "", probability: 0, known: false, scores, faceFound: false };
    }
    if (face) return this.answerFace(image, face);
    const [answer] = await this.answer([resize(image, this.metadata)]);
    return { ...answer, faceFound: false };
  }

  /** Classify all faces of an image, from left to right; box is [left, top, right, bottom]. */
  async classifyFaces(image) {
    const rgb = toRgb(image);
    const answers = [];
    for (const face of await this.detectAll(rgb)) answers.push(await this.answerFace(rgb, face));
    const order = (a, b) => a.map((side, n) => side - b[n]).find((difference) => difference) ?? 0;
    return answers.sort((a, b) => order(a.box, b.box));
  }

  async answerFace(image, { box, landmarks }) {
    const view =
      this.template.length > 0
        ? align(image, landmarks, this.template, this.size)
        : resize(reduce(image, 1, 1, faceBox(box, image)), this.metadata);
    const [answer] = await this.answer([view]);
    return { ...answer, faceFound: true, box: box.map(roundEven), landmarks };
  }

  /** Find the faces that are nearest to the camera, the largest first. */
  async detect(image) {
    for (const side of sidesOf(image, this.steps.long_sides)) {
      const faces = await this.detectAt(image, side);
      if (faces.length > 0) return largestFirst(faces);
    }
    return [];
  }

  /** Find all faces, small ones too, the largest first. */
  async detectAll(image) {
    const { long_sides_for_all_faces: sides, best_side: best, same_face_inside: same } = this.steps;
    const found = [];
    for (const side of sidesOf(image, sides)) {
      const factor = side / Math.max(image.width, image.height);
      for (const face of await this.detectAt(image, side)) {
        const misfit = Math.abs(Math.log((Math.sqrt(area(face.box)) * factor) / best));
        found.push({ ...face, misfit });
      }
    }
    found.sort((a, b) => a.misfit - b.misfit);
    return largestFirst(suppress(found, (a, b) => same * Math.min(a, b)));
  }

  /** Find faces in an image whose long side is reduced to a size, the surest first. */
  async detectAt(image, side) {
    const { multiple, same_face_iou: same } = this.steps;
    const { pixels, shape, factors } = fit(image, side, multiple);
    const padded = new this.ort.Tensor("uint8", pixels, [1, ...shape, 3]);
    const outputs = await this.detector.run({ image: padded });
    const limits = [image.width, image.height];
    const shown = decodeFaces(outputs, shape, factors, this.steps)
      .map((face) => ({ ...face, box: face.box.map((v, n) => between(v, 0, limits[n % 2])) }))
      .filter(({ box }) => area(box) >= 1);
    return suppress(shown, (a, b, shared) => same * (a + b - shared));
  }
}

async function requireSame(bytes, { detector, detector_sha256: expected }) {
  const subtle = globalThis.crypto?.subtle; // a browser has it for https: and file: alone
  if (!subtle) return;
  const hash = new Uint8Array(await subtle.digest("SHA-256", bytes));
  const found = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0"));
  if (found.join("") !== expected) {
    throw new Error(`not the face detector of this classifier; expected the file ${detector}`);
  }
}

const sidesOf = ({ width, height }, sizes) =>
  [...new Set(sizes.map((size) => Math.min(size, Math.max(width, height))))].sort((a, b) => a - b);

const largestFirst = (faces) => faces.sort((a, b) => area(b.box) - area(a.box));

// Reduce to a long side, and pad right and below.
function fit(image, side, multiple) {
  const factor = Math.min(1, side / Math.max(image.width, image.height));
  const [wide, high] = [image.width, image.height].map((n) => Math.max(1, roundEven(n * factor)));
  const data = shrink(image, wide, high);
  const shape = [high, wide].map((n) => Math.ceil(n / multiple) * multiple);
  const pixels = new Uint8Array(shape[0] * shape[1] * 3);
  const [line, to] = [wide * 3, shape[1] * 3];
  for (let y = 0; y < high; y++) pixels.set(data.subarray(y * line, (y + 1) * line), y * to);
  return { pixels, shape, factors: [image.width / wide, image.height / high] };
}

// Channels come in pairs of y and x; the surest face is first.
function decodeFaces({ heatmap, scale, offset, landmarks }, shape, factors, steps) {
  const { stride, least_score: least } = steps;
  const columns = shape[1] / stride;
  const cells = columns * (shape[0] / stride);
  if (heatmap.data.length !== cells || landmarks.data.length !== 10 * cells) {
    throw new Error("the face detector's outputs have other shapes than expected");
  }
  const sure = [];
  heatmap.data.forEach((score, cell) => score > least && sure.push({ score, cell }));
  sure.sort((a, b) => b.score - a.score);
  return sure.slice(0, MOST_FACES).map(({ score, cell }) => {
    const pair = ({ data }, n) => [data[(n + 1) * cells + cell], data[n * cells + cell]];
    const size = pair(scale, 0).map((part) => stride * Math.exp(Math.min(part, 20)));
    const place = [cell % columns, Math.floor(cell / columns)];
    const corner = size.map((part, n) => stride * (place[n] + pair(offset, 0)[n] + 0.5) - part / 2);
    const inImage = (point) => point.map((part, n) => (part * size[n] + corner[n]) * factors[n]);
    const box = [...inImage([0, 0]), ...inImage([1, 1])];
    const points = [0, 2, 4, 6, 8].map((channel) => inImage(pair(landmarks, channel)));
    if ([...box, ...points.flat()].some((part) => !(Math.abs(part) <= FURTHEST))) {
      throw new Error("the face detector places faces far outside of the image");
    }
    return { score, box, landmarks: points };
  });
}

// Greedy non-maximum suppression, the best first; the limit is of two areas and what they share.
function suppress(faces, limit) {
  const kept = [];
  for (const face of faces) {
    const shared = kept.map(({ box }) => overlap(box, face.box));
    const isSame = ({ box }, n) => shared[n] > limit(area(box), area(face.box), shared[n]);
    if (!kept.some(isSame)) kept.push(face);
  }
  return kept;
}

function overlap(a, b) {
  const wide = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const high = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return Math.max(wide, 0) * Math.max(high, 0);
}

const area = ([left, top, right, bottom]) => (right - left) * (bottom - top);
const between = (value, low, high) => Math.min(Math.max(value, low), high);

// The square around a box, with a margin, as far as the image reaches.
function faceBox([left, top, right, bottom], { width, height }) {
  const reach = Math.max(right - left, bottom - top) * (0.5 + MARGIN);
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  const low = [x, y].map((middle) => Math.max(0, roundEven(middle - reach)));
  const high = [Math.min(width, roundEven(x + reach)), Math.min(height, roundEven(y + reach))];
  return [...low, ...high.map((side, axis) => Math.max(side, low[axis] + 1))];
}

/** Rotate, scale and crop so that five landmarks lie on a template of size x size pixels. */
export function align(image, landmarks, template, size) {
  let shown = invert(similarity(landmarks, template));
  const ends = [[0, 0], [size, 0], [0, size], [size, size]];
  // Single pixels are sampled: a large face is reduced by a whole factor first.
  const factor = Math.max(1, Math.trunc(Math.hypot(shown.a, shown.b)));
  if (factor === 1) return sample(image, shown, size);
  const sides = [image.width, image.height];
  const along = sides.map((_, axis) => ends.map((end) => apply(shown, end)[axis]));
  const reach = sides.map((_, axis) => [Math.min(...along[axis]), Math.max(...along[axis])]);
  const low = reach.map(([least], n) => between(Math.floor(least) - 2 * factor, 0, sides[n] - 1));
  const high = reach.map(([, most], n) =>
    between(Math.ceil(most) + 2 * factor, low[n] + 1, sides[n]),
  );
  const smaller = landmarks.map((point) => point.map((part, axis) => (part - low[axis]) / factor));
  shown = invert(similarity(smaller, template));
  return sample(reduce(image, factor, factor, [...low, ...high]), shown, size);
}

// The rotation, scale and shift that take points to others by least squares (Umeyama 1991): in the
// plane, [[a, -b], [b, a]] is any rotation times a scale, so that the problem is linear.
function similarity(source, target) {
  const [from, to] = [mean(source), mean(target)];
  let [same, across, spread] = [0, 0, 0];
  source.forEach((point, n) => {
    const [x, y] = [point[0] - from[0], point[1] - from[1]];
    const [u, v] = [target[n][0] - to[0], target[n][1] - to[1]];
    same += x * u + y * v;
    across += x * v - y * u;
    spread += x * x + y * y;
  });
  spread = Math.max(spread, source.length * 1e-12);
  const [a, b] = [same / spread, across / spread];
  return { a, b, x: to[0] - a * from[0] + b * from[1], y: to[1] - b * from[0] - a * from[1] };
}

const mean = (points) =>
  [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);

function invert({ a, b, x, y }) {
  const square = a * a + b * b || Infinity;
  const [c, d] = [a / square, -b / square];
  return { a: c, b: d, x: -(c * x - d * y), y: -(d * x + c * y) };
}

const apply = ({ a, b, x, y }, [u, v]) => [a * u - b * v + x, b * u + a * v + y];

// As Python's round.
const roundEven = (value) =>
  Math.abs(value % 1) === 0.5 ? 2 * Math.round(value / 2) : Math.round(value);

/** As Image.resize with BILINEAR and a reducing_gap of 2. */
export function shrink(image, wide, high) {
  if (image.width === wide && image.height === high) return image.data;
  const across = Math.trunc(image.width / wide / 2) || 1;
  const down = Math.trunc(image.height / high / 2) || 1;
  const whole = [0, 0, image.width, image.height];
  const reduced = across * down > 1 ? reduce(image, across, down, whole) : image;
  const box = [0, 0, Math.fround(image.width / across), Math.fround(image.height / down)];
  return resample(reduced, box, wide, high, "bilinear");
}

/** As Image.reduce: the mean of blocks of pixels of a part of an image. */
export function reduce({ data, width }, across, down, [left, top, right, bottom]) {
  const wide = Math.ceil((right - left) / across);
  const high = Math.ceil((bottom - top) / down);
  const found = new Uint8Array(wide * high * 3);
  for (let y = 0, to = 0; y < high; y++) {
    const [first, end] = [top + y * down, Math.min(top + (y + 1) * down, bottom)];
    for (let x = 0; x < wide; x++) {
      const [start, stop] = [left + x * across, Math.min(left + (x + 1) * across, right)];
      const count = (end - first) * (stop - start);
      const share = Math.trunc(Math.fround(2 ** 24 / count));
      for (let channel = 0; channel < 3; channel++) {
        let sum = count >> 1;
        for (let row = first; row < end; row++) {
          const line = row * width * 3 + channel;
          for (let n = line + start * 3; n < line + stop * 3; n += 3) sum += data[n];
        }
        found[to++] = Math.floor((sum * share) / 2 ** 24);
      }
    }
  }
  return { data: found, width: wide, height: high };
}

// As Image.transform with AFFINE and BICUBIC: black outside of the image.
function sample({ data, width, height }, shown, size) {
  const found = new Uint8ClampedArray(size * size * 3);
  for (let n = 0; n < size * size; n++) {
    const [x, y] = apply(shown, [(n % size) + 0.5, Math.floor(n / size) + 0.5]);
    if (!(x >= 0 && x < width && y >= 0 && y < height)) continue;
    const [column, row] = [Math.floor(x - 0.5), Math.floor(y - 0.5)];
    const columns = [-1, 0, 1, 2].map((k) => between(column + k, 0, width - 1) * 3);
    const rows = [-1, 0, 1, 2].map((k) => between(row + k, 0, height - 1) * width * 3);
    for (let channel = 0; channel < 3; channel++) {
      const lines = rows.map((line) =>
        cubic(columns.map((place) => data[line + place + channel]), x - 0.5 - column),
      );
      found[n * 3 + channel] = Math.trunc(cubic(lines, y - 0.5 - row));
    }
  }
  return found;
}

function cubic([a, b, c, d], part) {
  return b + part * (c - a + part * (2 * (a - b) + c - d + part * (b - a - c + d)));
}
