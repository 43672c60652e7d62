/* Places of the sheet and the cells of its window, worked out by hand. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { block, cell, corner, extent, fromText, middle, numberOf, placeOf, placeUnder, within } from "../../../src/convscope/lab/static/slide/places.js";

/** 3x3 over 8x9, stride 2, a border of 1: 4x5 places. */
const it = { input: [2, 8, 9], kernel: [3, 3], size: [4, 5], stride: [2, 2], dilation: [1, 1], sides: [1, 1, 1, 1] };

test("a place is found by its number, and back", () => {
  assert.deepEqual(placeOf(it, 7), [1, 2]);
  assert.equal(numberOf(it, [1, 2]), 7);
  assert.deepEqual(placeOf(it, 1000), [3, 4]);
});

test("the window begins in the padding, and its cells there are none", () => {
  assert.deepEqual(corner(it, [0, 1]), [-1, 1]);
  assert.equal(cell(it, [0, 1], 0, 0), null);
  assert.deepEqual(cell(it, [0, 1], 1, 0), [0, 1]);
});

test("a dilated window reaches further", () => {
  const wide = { ...it, dilation: [2, 3] };
  assert.deepEqual(extent(wide), [5, 7]);
  assert.deepEqual(cell(wide, [1, 0], 1, 1), [3, 2]);
});

test("the place under the middle of its own window is that place", () => {
  for (let n = 0; n < 20; n++) {
    const at = placeOf(it, n);
    assert.deepEqual(placeUnder(it, ...middle(it, at)), at);
  }
  assert.deepEqual(placeUnder(it, -100, 100), [0, 4]);
});

test("places outside are brought in, and texts that are none are refused", () => {
  assert.deepEqual(within(it, [-3, 2.4]), [0, 2]);
  assert.deepEqual(fromText("12,7"), [12, 7]);
  for (const text of ["", "1", "1,2,3", "-1,2", "a,b", undefined]) assert.equal(fromText(text), null);
});

test("single values are laid out as a block, a digit's as 7 across", () => {
  assert.deepEqual(block(120), [11, 11]);
  assert.deepEqual(block(84, true), [12, 7]);
  assert.deepEqual(block(1), [1, 1]);
});
