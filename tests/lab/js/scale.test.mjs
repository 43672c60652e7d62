import assert from "node:assert/strict";
import { test } from "node:test";

const { above, axis, below } = await import("../../../src/convscope/lab/static/compare/scale.js");

test("ticks go in steps of 1, 2 and 5", () => {
  assert.deepEqual([0.32, 1, 3, 50].map(below), [0.2, 1, 2, 50]);
  assert.deepEqual([0.32, 1, 3, 50.1].map((value) => Number(above(value).toPrecision(3))), [0.5, 1, 5, 100]);
  assert.deepEqual(axis([0.32, 13.5]).ticks.map((tick) => Number(tick.toPrecision(3))), [0.2, 0.5, 1, 2, 5, 10, 20]);
});

test("values lie between the ends, larger ones further right, equal factors equally far", () => {
  const { at } = axis([0.5, 8]);
  assert.ok(at(0.5) >= 2 && at(10) <= 98.001);
  assert.ok(Math.abs(at(2) - at(1) - (at(4) - at(2))) < 1e-9);
  assert.equal(axis([]).at(3), 50);
});
