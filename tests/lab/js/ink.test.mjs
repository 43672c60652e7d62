import assert from "node:assert/strict";
import { test } from "node:test";

const { SEVEN, fromText, toText } = await import("../../../src/convscope/lab/static/ink.js");

const DRAWINGS = {
  nothing: [],
  "a point": [[[0, 255]]],
  "two strokes": [[[1, 2], [3, 4]], [[250, 251], [252, 253], [254, 255]]],
  "the seven": SEVEN,
};

for (const [name, strokes] of Object.entries(DRAWINGS))
  test(`${name}: the text says the strokes again, and can stand in a link`, () => {
    const text = toText(strokes);
    assert.match(text, /^[\w-]*$/);
    assert.deepEqual(fromText(text), strokes);
  });

test("a stroke too long for one count goes on where it was cut, without a gap", () => {
  for (const length of [253, 254, 255, 256, 508, 509, 1000]) {
    const stroke = Array.from({ length }, (_, n) => [n % 256, (7 * n) % 256]);
    const parts = fromText(toText([stroke]));
    const joined = parts.flatMap((part, n) => (n ? part.slice(1) : part));
    assert.deepEqual(joined, stroke, `${length} points`);
    parts.slice(1).forEach((part, n) => assert.deepEqual(part[0], parts[n].at(-1)));
  }
});

test("text that says no strokes gives what can be read of it, and never an error", () => {
  for (const text of ["%", "!!!", "é", "A", "/w", "____", "AAAA", "BQEC", "x".repeat(10_001)]) {
    const strokes = fromText(text);
    assert.ok(strokes.every((stroke) => stroke.length && stroke.every(([x, y]) => x >= 0 && x < 256 && y >= 0 && y < 256)), text);
  }
});

test("the seven lies on the board", () => {
  assert.ok(SEVEN.flat().every(([x, y]) => Number.isInteger(x) && Number.isInteger(y) && x > 20 && x < 235 && y > 20 && y < 235));
});
