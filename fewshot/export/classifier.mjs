// Classify images with a file that 'fewshot export' wrote, in a browser or in Node:
//
//   import * as ort from "onnxruntime-node"; // or onnxruntime-web
//   import { readFile } from "node:fs/promises";
//   import { Classifier } from "./classifier.mjs";
//
//   const classifier = await Classifier.load(ort, await readFile("classifier.onnx"));
//   const [answer] = await classifier.classify([image]);
//   console.log(answer.known ? answer.label : "unknown", answer.probability);
//
// An image is { data, width, height }: upright pixels, row by row, RGB, RGBA or grey, 8 bits a
// channel, as ImageData, or as sharp(file).rotate().raw() gives them. In a browser, decode(file)
// makes one. Images are resized as Pillow does, to the last bit, so that answers are those of Python.

export class Classifier {
  /** Open a file, given as Uint8Array or ArrayBuffer; options are those of onnxruntime's session. */
  static async load(ort, content, options = {}) {
    const { session, metadata } = await open(ort, content, options);
    if (metadata.crop === "face") {
      throw new Error("a classifier of faces; expected one of whole images; use FaceClassifier");
    }
    return new Classifier(ort, session, metadata);
  }

  constructor(ort, session, metadata) {
    this.ort = ort;
    this.session = session;
    this.metadata = metadata;
    this.classes = JSON.parse(metadata.classes);
    this.size = Number(metadata.image_size);
  }

  /** Classify images together: for each its best label, its scores from the highest, and whether
   * it is known to be one of the classes. */
  async classify(images) {
    return this.answer(images.map((image) => resize(image, this.metadata)));
  }

  /** Classify pixels that have the right size already. */
  async answer(views) {
    if (views.length === 0) return [];
    const { size } = this;
    const pixels = new Uint8Array(views.length * size * size * 3);
    views.forEach((view, n) => pixels.set(view, n * size * size * 3));
    const image = new this.ort.Tensor("uint8", pixels, [views.length, size, size, 3]);
    const { probabilities, known } = await this.session.run({ image });
    return views.map((_, n) => {
      const row = probabilities.data.subarray(n * this.classes.length);
      const scores = this.classes.map((label, k) => ({ label, probability: row[k] }));
      scores.sort((a, b) => b.probability - a.probability);
      return { ...scores[0], known: Boolean(known.data[n]), scores };
    });
  }
}

/** Open a file, and read its metadata. */
export async function open(ort, content, options) {
  const model = content instanceof Uint8Array ? content : new Uint8Array(content);
  const metadata = readMetadata(model);
  if (metadata.fewshot_classifier !== "1") {
    throw new Error("not a classifier of format 1; expected a file that 'fewshot export' wrote");
  }
  return { session: await ort.InferenceSession.create(model, options), metadata };
}

/** Decode an image file in a browser: upright, colours as they are stored, on white. */
export async function decode(blob, mostPixels = 4096 * 4096) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  // Some phones refuse a larger canvas.
  const scale = Math.min(1, Math.sqrt(mostPixels / (bitmap.width * bitmap.height)));
  const width = Math.max(1, Math.floor(bitmap.width * scale));
  const height = Math.max(1, Math.floor(bitmap.height * scale));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, height);
  pen.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return pen.getImageData(0, 0, width, height);
}

/** Bring an image to the size that the metadata ask for: RGB, image_size x image_size. */
export function resize(image, metadata) {
  const rgb = toRgb(image);
  const size = Number(metadata.image_size);
  const box = boxOf(rgb.width, rgb.height, metadata);
  if (metadata.interpolation === "nearest") return nearest(rgb.data, rgb.width, size, box);
  return resample(rgb, box, size, size, metadata.interpolation);
}

/** Make an image RGB: grey in all three channels, transparency on white. */
export function toRgb({ data, width, height }) {
  const channels = data.length / (width * height);
  if (![1, 3, 4].includes(channels)) {
    const found = `${data.length} values for ${width} x ${height} pixels`;
    throw new Error(`${found}; expected grey, RGB or RGBA`);
  }
  const rgb = { 1: fromGrey, 3: (pixels) => pixels, 4: onWhite }[channels](data);
  return { data: rgb, width, height };
}

/** Resize a part of an RGB image: [left, top, right, bottom] to wide x high pixels. */
export function resample({ data, width, height }, box, wide, high, interpolation) {
  const rows = weights(height, box[1], box[3], high, FILTERS[interpolation]);
  const columns = weights(width, box[0], box[2], wide, FILTERS[interpolation]);
  // Pillow 13 begins with the height where that leaves less to do; versions before always with the
  // width, so that a few values differ by 1.
  if (height > high && height - high > 2 * (width - wide)) {
    return resizeWidth(resizeHeight(data, width, rows), width, columns, 0, high);
  }
  const last = rows[high - 1];
  const needed = [rows[0].first, last.first + last.taps.length];
  return resizeHeight(resizeWidth(data, width, columns, ...needed), wide, rows);
}

/** Read the metadata of an ONNX file: field 14, pairs of a key (field 1) and a value (field 2). */
export function readMetadata(model) {
  const text = (bytes) => new TextDecoder().decode(bytes);
  const pairs = [...fieldsOf(model)].filter(([field]) => field === 14);
  return Object.fromEntries(
    pairs.map(([, pair]) => {
      const entry = new Map(fieldsOf(pair));
      return [text(entry.get(1)), text(entry.get(2))];
    }),
  );
}

function* fieldsOf(message) {
  let at = 0;
  const varint = () => {
    let [value, scale, byte] = [0, 1, 0];
    do {
      byte = message[at++];
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte > 127);
    return value;
  };
  while (at < message.length) {
    const tag = varint();
    const kind = tag % 8;
    if (kind === 2) {
      const length = varint();
      yield [Math.floor(tag / 8), message.subarray(at, (at += length))];
    } else if (kind === 0) varint();
    else at += kind === 1 ? 8 : 4;
  }
}

// --- what Pillow does ---------------------------------------------------------------------------

function fromGrey(grey) {
  return Uint8Array.from({ length: grey.length * 3 }, (_, n) => grey[Math.floor(n / 3)]);
}

// Like Image.alpha_composite on white.
function onWhite(rgba) {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    const opaque = rgba[from + 3] * 128;
    for (let channel = 0; channel < 3; channel++) {
      const sum = rgba[from + channel] * opaque + 255 * (32640 - opaque) + 16384;
      rgb[to++] = ((sum >> 8) + sum) >> 15;
    }
  }
  return rgb;
}

function boxOf(width, height, { resize, crop_fraction }) {
  if (resize === "squash") return [0, 0, width, height];
  const side = Math.min(width, height) * Number(crop_fraction);
  const [left, top] = [(width - side) / 2, (height - side) / 2];
  return [left, top, left + side, top + side].map(Math.fround);
}

// Filters, and how far they reach.
const FILTERS = {
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  bicubic: [2, bicubic],
  lanczos: [3, (x) => (-3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0)],
};

function bicubic(signed) {
  const x = Math.abs(signed);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

const BITS = 22;
const HALF = 1 << (BITS - 1);

// For each of `size` places between `from` and `to`: the first pixel it is made of, and what part
// of it and of those that follow, in units of 2 ** -BITS.
function weights(length, from, to, size, [reach, filter]) {
  const scale = Math.fround(to - from) / size;
  const wide = Math.max(1, scale);
  return Array.from({ length: size }, (_, place) => {
    const centre = from + (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach * wide + 0.5));
    const end = Math.min(length, Math.trunc(centre + reach * wide + 0.5));
    const parts = [];
    for (let x = first; x < end; x++) parts.push(filter((x - centre + 0.5) * (1 / wide)));
    const sum = parts.reduce((total, part) => total + part, 0) || 1;
    const units = parts.map((part) => (part / sum) * 2 ** BITS);
    // Halves are rounded away from zero.
    return { first, taps: Int32Array.from(units, (u) => Math.trunc(u + (u < 0 ? -0.5 : 0.5))) };
  });
}

// Rows before `first` and from `end` on are not needed, and stay empty.
function resizeWidth(pixels, width, columns, first, end) {
  const size = columns.length;
  const found = new Uint8ClampedArray(end * size * 3);
  for (let y = first; y < end; y++) {
    for (let x = 0; x < size; x++) {
      const { first: start, taps } = columns[x];
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      let from = (y * width + start) * 3;
      for (let n = 0; n < taps.length; n++) {
        red += pixels[from++] * taps[n];
        green += pixels[from++] * taps[n];
        blue += pixels[from++] * taps[n];
      }
      const to = (y * size + x) * 3;
      found[to] = red >> BITS;
      found[to + 1] = green >> BITS;
      found[to + 2] = blue >> BITS;
    }
  }
  return found;
}

function resizeHeight(pixels, width, rows) {
  const line = width * 3;
  const found = new Uint8ClampedArray(rows.length * line);
  rows.forEach(({ first, taps }, y) => {
    for (let x = 0; x < line; x++) {
      let sum = HALF;
      for (let n = 0; n < taps.length; n++) sum += pixels[(first + n) * line + x] * taps[n];
      found[y * line + x] = sum >> BITS;
    }
  });
  return found;
}

function nearest(rgb, width, size, [left, top, right, bottom]) {
  const across = steps(left, right, size);
  const pixels = new Uint8Array(size * size * 3);
  let to = 0;
  for (const y of steps(top, bottom, size)) {
    for (const x of across) {
      const from = (y * width + x) * 3;
      for (let channel = 0; channel < 3; channel++) pixels[to++] = rgb[from + channel];
    }
  }
  return pixels;
}

function steps(from, to, size) {
  const step = Math.fround(to - from) / size;
  let at = from + step * 0.5;
  return Array.from({ length: size }, () => {
    const place = Math.trunc(at);
    at += step;
    return place;
  });
}
