import assert from "node:assert/strict";
import { test } from "node:test";

const { edited, factor, muted, scaled, swapped, toggled, touched, unedited, written } = await import("../../../src/convscope/lab/static/units/ops.js");

test("muting twice is as before, whatever else was done", () => {
  const ops = ["scale:C1/3:2", "mute:C1/2"];
  assert.deepEqual(toggled(toggled(ops, "C1/3"), "C1/3"), ops);
  assert.deepEqual(toggled(ops, "C1/2"), ["scale:C1/3:2"]);
  assert.equal(muted(ops, "C1/2") && !muted(ops, "C1/3") && !muted(ops, "C1/20"), true);
});

test("a factor takes the place of the one before, and 1 takes it away", () => {
  assert.deepEqual(scaled(["mute:C1/0", "scale:C1/3:2"], "C1/3", -0.5), ["mute:C1/0", "scale:C1/3:-0.5"]);
  assert.deepEqual(scaled(["scale:C1/3:2", "mute:C1/0"], "C1/3", 1), ["mute:C1/0"]);
  assert.equal(factor(["scale:C1/3:2"], "C1/3"), 2);
  assert.equal(factor([], "C1/3"), 1);
});

test("swapping back what was swapped last is as before", () => {
  assert.deepEqual(swapped(swapped([], "C1/0", "C1/1"), "C1/1", "C1/0"), []);
  assert.equal(touched(["swap:C1/0:C1/1"], "C1/1"), true);
  assert.equal(touched(["swap:C1/0:C1/1"], "C1/2"), false);
});

test("an edit takes the place of the one before", () => {
  const once = edited(["mute:C1/0"], "C1/3", [1, 2]);
  assert.deepEqual(once, ["mute:C1/0", "edit:C1/3:1,2"]);
  assert.deepEqual(edited(once, "C1/3", [3, -4]), ["mute:C1/0", "edit:C1/3:3,-4"]);
  assert.deepEqual(unedited(once, "C1/3"), ["mute:C1/0"]);
});

test("numbers are written with as few digits as give the same 32 bits", () => {
  assert.deepEqual([0.1, -0.25, 0, 1e-9, 0.47961742].map(written), ["0.1", "-0.25", "0", "1e-9", "0.47961742"]);
  for (let n = 0; n < 500; n++) {
    const value = Math.fround(Math.sin(n * 12.9898) * 10 ** ((n % 13) - 6));
    assert.equal(Math.fround(Number(written(value))), value);
  }
});
