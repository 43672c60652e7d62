import assert from "node:assert/strict";
import { test } from "node:test";

const { unpacked } = await import("../../../src/convscope/lab/static/packed.js");

/** What `convscope.lab.packed` writes, as its description says. */
function packed(head, arrays) {
  const places = {};
  const parts = [];
  let at = 0;
  for (const [name, [kind, shape, values]] of Object.entries(arrays)) {
    const bytes = new Uint8Array(values.buffer);
    const whole = new Uint8Array(Math.ceil(bytes.length / 8) * 8);
    whole.set(bytes);
    places[name] = [kind, shape, at];
    parts.push(whole);
    at += whole.length;
  }
  let words = new TextEncoder().encode(JSON.stringify({ ...head, arrays: places }));
  words = Uint8Array.from([...words, ...Array((8 - ((words.length + 4) % 8)) % 8).fill(32)]);
  const start = new Uint8Array(4);
  new DataView(start.buffer).setUint32(0, words.length, true);
  return Uint8Array.from([start, words, ...parts].flatMap((part) => [...part])).buffer;
}

test("arrays come out as they went in, each of its kind, and the head with them", () => {
  const { head, arrays } = unpacked(packed({ label: "sieben é 7" }, {
    picture: ["uint8", [1, 1, 3], Uint8Array.of(0, 128, 255)],
    maps: ["float32", [2, 1, 1], Float32Array.of(-1.5, 3e38)],
    exact: ["float64", [1], Float64Array.of(Math.PI)],
    counts: ["int32", [2], Int32Array.of(-1, 2 ** 31 - 1)],
    none: ["float32", [0, 5, 5], new Float32Array()],
  }));
  assert.equal(head.label, "sieben é 7");
  assert.deepEqual(arrays.picture, { values: Uint8Array.of(0, 128, 255), shape: [1, 1, 3] });
  assert.deepEqual([...arrays.maps.values], [-1.5, Math.fround(3e38)]);
  assert.deepEqual([...arrays.exact.values], [Math.PI]);
  assert.deepEqual([...arrays.counts.values], [-1, 2 ** 31 - 1]);
  assert.deepEqual(arrays.none.shape, [0, 5, 5]);
  assert.ok(arrays.maps.values instanceof Float32Array && arrays.counts.values instanceof Int32Array);
});

test("a message that is cut short is an error, not other numbers", () => {
  const whole = packed({}, { maps: ["float32", [4], Float32Array.of(1, 2, 3, 4)] });
  assert.throws(() => unpacked(whole.slice(0, -8)), RangeError);
  assert.throws(() => unpacked(new ArrayBuffer(2)), RangeError);
});
