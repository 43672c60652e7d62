import assert from "node:assert/strict";
import { test } from "node:test";

const { crc, zipped } = await import("../../../src/convscope/lab/static/train/sending.js");
const { manyLines, oneLine, recipeOf, wantedOf } = await import("../../../src/convscope/lab/static/train/wanted.js");

const file = (text) => Object.assign(new Blob([text]), { name: "x" });

test("the checksum is the one that zips have", () => {
  assert.equal(crc(new TextEncoder().encode("123456789")), 0xcbf43926);
  assert.equal(crc(new Uint8Array()), 0);
});

test("a folder becomes a zip without what is hidden, a zip stays as it is", async () => {
  const files = [{ path: "set/a/1.png", file: file("one") }, { path: "set/.DS_Store", file: file("x") }, { path: "__MACOSX/a", file: file("x") }, { path: "set/ü/2.png", file: file("two!") }];
  const { name, body } = await zipped(files, () => {});
  const bytes = Buffer.from(await body.arrayBuffer());
  assert.equal(name, "set.zip");
  assert.equal(bytes.readUInt32LE(0), 0x04034b50);
  assert.equal(bytes.readUInt16LE(bytes.length - 22 + 10), 2, "two files are listed");
  assert.equal(bytes.readUInt32LE(bytes.readUInt32LE(bytes.length - 6)), 0x02014b50, "the list is where the end says");
  const own = file("PK");
  own.name = "mine.zip";
  assert.equal((await zipped([{ path: "mine.zip", file: own }], () => {})).body, own);
});

test("files without a folder are no classes", async () => {
  await assert.rejects(zipped([{ path: "1.png", file: file("x") }], () => {}), /put those of each class into a folder/);
});

test("a net's text goes into a link and comes back", () => {
  const text = "# mine\ninput 1x28x28\n\nconv1  conv 6 5x5 | relu # wide\nout linear 10\n";
  assert.equal(oneLine(text), "input 1x28x28; conv1 conv 6 5x5 | relu; out linear 10");
  assert.equal(oneLine(manyLines(oneLine(text))), oneLine(text));
});

test("the link says what is wanted, and what is no number stays a text", () => {
  const knobs = [{ name: "epochs", names: [] }, { name: "loss", names: ["auto"] }, { name: "rate", names: [] }];
  const wanted = wantedOf({ net: "lenet5", epochs: "3", loss: "auto", rate: "x", tour: "6" }, knobs);
  assert.deepEqual(wanted, { source: "mnist", net: "lenet5", recipe: null, knobs: { epochs: 3, loss: "auto", rate: "x" }, seed: 0, size: null, fit: null });
  assert.equal(recipeOf([{ name: "plain", nets: [] }, { name: "own", nets: ["lenet5"] }], wanted).name, "own");
});
