/* What of a large picture is seen, worked out by hand: 800x400 pixels on a board of 400x200. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { at, named, numbered, sure, tally } from "../../../src/convscope/lab/static/find/finds.js";
import { fromText, onto, partOf, scaleOf, toBoard, toPicture, toText, whole, within, zoomed } from "../../../src/convscope/lab/static/find/frame.js";

const size = [800, 400];
const board = [400, 200];

test("the whole picture fits, and corners lie in corners", () => {
  const look = whole(size);
  assert.equal(scaleOf(look, size, board), 0.5);
  assert.deepEqual(toBoard(look, size, board, [0, 0]), [0, 0]);
  assert.deepEqual(toPicture(look, size, board, [400, 200]), [800, 400]);
  assert.deepEqual(partOf(look, size, board), { left: 0, top: 0, width: 800, height: 400 });
});

test("what is zoomed about a point leaves it where it is", () => {
  const look = zoomed(whole(size), size, board, 4, [100, 50]);
  assert.equal(look.zoom, 4);
  assert.deepEqual(toPicture(look, size, board, [100, 50]), [200, 100]);
  assert.deepEqual(partOf(look, size, board), { left: 150, top: 75, width: 200, height: 100 });
});

test("nobody sees beside the picture, nor nearer than its pixels are large", () => {
  assert.deepEqual(within({ x: -50, y: 1000, zoom: 2 }, size, board), { x: 200, y: 300, zoom: 2 });
  assert.equal(within({ x: 0, y: 0, zoom: 1e6 }, size, board).zoom, 64);
  assert.deepEqual(within({ x: 3, y: 3, zoom: 0.1 }, size, board), whole(size));
});

test("a frame is brought near, and a look is text and back", () => {
  const look = onto({ left: 300, top: 100, width: 40, height: 20 }, size, board);
  assert.deepEqual(look, { x: 320, y: 110, zoom: 5 });
  assert.deepEqual(fromText(toText(look)), look);
  assert.equal(fromText("1,2"), null);
  assert.equal(fromText("1,2,0.5"), null);
});

test("finds are sorted out, counted, and named by their middle", () => {
  const boxes = [[7, 0.99, 0, 0, 40, 40], [1, 0.8, 10, 10, 6, 20], [7, 0.6, 100, 0, 10, 10]].map(([label, score, x, y, width, height]) => ({ label: String(label), score, x, y, width, height }));
  assert.equal(sure(boxes, 0.7).length, 2);
  assert.equal(sure(boxes, 0.5, "7").length, 2);
  assert.equal(at(boxes, 12, 15), 1);
  assert.equal(at(boxes, 90, 90), -1);
  assert.deepEqual(tally(boxes), [["7", 2], ["1", 1]]);
  assert.equal(numbered(boxes, named(boxes[2])), 2);
  assert.equal(numbered(boxes, ""), -1);
});
