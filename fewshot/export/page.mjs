const BARS = 5;
const $ = (id) => document.getElementById(id);

async function unpack(id) {
  const text = atob($(id).textContent.trim());
  $(id).remove();
  const packed = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

async function address(id, change = (code) => code) {
  const code = change(await new Response(await unpack(id)).text());
  return URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
}

async function open() {
  const ort = await import(await address("runtime"));
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = 1; // more would need headers that a file does not have
  ort.env.wasm.wasmBinary = await unpack("wasm");
  const module = await address("module");
  const { Classifier, decode } = await import(module);
  if (!$("faces")) return { classifier: await Classifier.load(ort, await unpack("model")), decode };
  const inPage = (code) => code.replace('"./classifier.mjs"', JSON.stringify(module));
  const { FaceClassifier } = await import(await address("faces", inPage));
  const files = [await unpack("model"), await unpack("detector")];
  return { classifier: await FaceClassifier.load(ort, ...files), decode };
}

// The answers for an image: one, or one for each face.
const classify = (classifier, image) =>
  classifier.classifyFaces ? classifier.classifyFaces(image) : classifier.classify([image]);

// --- what is shown ------------------------------------------------------------------------------

// Text of any class name goes in as text, never as markup.
function element(name, text = "", ...children) {
  const made = document.createElement(name);
  made.textContent = text;
  made.append(...children);
  return made;
}

function percent(part) {
  if (part > 0.9995) return "over 99.9 %";
  if (part < 0.0005) return "under 0.1 %";
  return `${(100 * part).toFixed(1)} %`;
}

function bar({ label, probability }) {
  const filled = element("i");
  filled.style.width = `${100 * probability}%`;
  const words = element("p", "", element("span", label), element("b", percent(probability)));
  return element("li", "", words, element("div", "", filled));
}

function showClassifier({ classes, metadata, ort }) {
  const list = classes.length > 12 ? [...classes.slice(0, 12), "…"] : classes;
  const { measured = {}, created = "", rejects = true } = JSON.parse(metadata.summary ?? "{}");
  const other = rejects ? ", or something else" : "";
  $("classes").textContent = `One of ${classes.length} classes${other}: ${list.join(", ")}`;
  const rows = {
    Classes: classes.join(", "),
    "Held-out accuracy": measured.held_out_images
      ? `${measured.held_out_correct} of ${measured.held_out_images} images`
      : "",
    Rejection: rejects
      ? `false rejection rate ${percent(Number(metadata.reject_rate))} of training images`
      : "off: never unknown",
    Backbone: `${metadata.backbone}, ${metadata.precision}, ${metadata.image_size} × ${metadata.image_size} pixels`,
    Fitted: created.slice(0, 10),
    Runtime: `ONNX Runtime Web ${ort.env.versions.web}`,
  };
  for (const [term, text] of Object.entries(rows)) {
    if (text) $("about").append(element("dt", term), element("dd", text));
  }
}

// Boxes and names over what is shown.
function showBoxes(answers, { width, height }) {
  const boxes = answers.filter(({ box }) => box).map(({ label, probability, known, box }) => {
    const name = known ? `${label} ${probability.toFixed(2)}` : "unknown";
    const made = element("div", "", element("span", name));
    const [left, top, right, bottom] = box;
    made.className = "face";
    made.classList.toggle("unknown", !known);
    made.classList.toggle("low", bottom > 0.9 * height);
    made.classList.toggle("right", left > 0.6 * width);
    const parts = { left: left / width, top: top / height };
    Object.assign(parts, { width: (right - left) / width, height: (bottom - top) / height });
    for (const [side, part] of Object.entries(parts)) made.style[side] = `${100 * part}%`;
    return made;
  });
  $("boxes").replaceChildren(...boxes);
}

const area = ({ box }) => (box ? (box[2] - box[0]) * (box[3] - box[1]) : 1);

function showAnswers(answers, image, took) {
  showBoxes(answers, image);
  $("took").textContent = took;
  if (answers.length > 0) {
    showAnswer(answers.reduce((largest, each) => (area(each) > area(largest) ? each : largest)));
  } else showNoFace();
  if (answers.length > 1) {
    $("note").hidden = false;
    $("note").textContent = `The largest of ${answers.length} faces. ${$("note").textContent}`;
  }
}

function showNoFace() {
  $("result").classList.add("unknown");
  $("verdict").textContent = "no face found";
  $("note").hidden = true;
  $("bars").replaceChildren();
}

function showAnswer({ label, probability, known, scores }) {
  $("result").classList.toggle("unknown", !known);
  $("verdict").replaceChildren(
    known ? `${label} ` : "unknown ",
    element("small", known ? percent(probability) : `(closest: ${label})`),
  );
  $("note").hidden = known;
  $("note").textContent = known
    ? ""
    : "Not similar enough to any class. If it had to be one of them, it would be:";
  $("bars").replaceChildren(...scores.slice(0, BARS).map(bar));
}

function showProblem(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

async function show(file) {
  stopCamera();
  await watching.catch(() => {});
  showProblem("");
  URL.revokeObjectURL($("image").src);
  $("image").src = URL.createObjectURL(file);
  $("name").textContent = file.name;
  $("verdict").textContent = "Classifying …";
  $("note").hidden = true;
  $("bars").replaceChildren();
  $("took").textContent = "";
  $("boxes").replaceChildren();
  $("result").hidden = false;
  await new Promise((done) => setTimeout(done, 30)); // let it be seen before the work begins
  try {
    const { classifier, decode } = await opened;
    const start = performance.now();
    const image = await decode(file);
    const decoding = Math.round(performance.now() - start);
    const answers = await classify(classifier, image);
    const whole = Math.round(performance.now() - start);
    showAnswers(answers, image, `Took ${whole} ms, ${decoding} of them to decode the image.`);
    $("verdict").scrollIntoView({ block: "nearest" });
  } catch (error) {
    $("result").hidden = true;
    showProblem(`${file.name}: not an image that this browser can read (${error.message}).`);
  }
}

// --- the camera ---------------------------------------------------------------------------------

let stream = null;
let watching = Promise.resolve();

function stopCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  $("camera").textContent = "Use the camera";
  $("video").hidden = true;
  $("image").hidden = false;
}

async function startCamera() {
  showProblem("");
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
  } catch (error) {
    showProblem(`The camera cannot be used (${error.message}).`);
    return;
  }
  $("camera").textContent = "Stop the camera";
  $("name").textContent = "camera";
  $("verdict").textContent = "Classifying …";
  $("note").hidden = true;
  $("took").textContent = "";
  $("bars").replaceChildren();
  $("boxes").replaceChildren();
  $("image").hidden = true;
  $("video").hidden = false;
  $("result").hidden = false;
  $("video").srcObject = stream;
  await $("video").play();
  watching = watch(stream);
  await watching;
}

// Classify one frame after another, until the camera is stopped.
async function watch(watched) {
  const { classifier } = await opened;
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  while (stream === watched) {
    const start = performance.now();
    const { videoWidth: width, videoHeight: height } = $("video");
    Object.assign(canvas, { width, height });
    pen.drawImage($("video"), 0, 0);
    const answers = await classify(classifier, pen.getImageData(0, 0, width, height));
    if (stream !== watched) return;
    const frame = { width, height };
    showAnswers(answers, frame, `Took ${Math.round(performance.now() - start)} ms.`);
    await new Promise((done) => setTimeout(done, 30)); // let it be seen
  }
}

const opened = open();
opened.then(({ classifier }) => {
  showClassifier(classifier);
  $("camera").hidden = !navigator.mediaDevices?.getUserMedia;
}).catch((error) => {
  $("classes").textContent = "";
  $("drop").hidden = true;
  showProblem(
    `This browser cannot run the classifier (${error.message}). ` +
      "A current Firefox, Chrome, Edge or Safari can.",
  );
});

// One after another, in the order in which they were chosen.
let queue = opened.then(() => {}, () => {});
const take = (files) => {
  const file = files[0];
  if (file) queue = queue.then(() => show(file));
};
$("file").addEventListener("change", () => {
  take([...$("file").files]);
  $("file").value = ""; // so that the same file can be chosen again
});
$("camera").addEventListener("click", () => {
  if (stream) {
    stopCamera();
    $("result").hidden = true;
  } else queue = queue.then(() => void startCamera().catch((error) => showProblem(error.message)));
});
addEventListener("paste", (event) => take(event.clipboardData.files));
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind === "drop") take(event.dataTransfer.files);
  });
}
