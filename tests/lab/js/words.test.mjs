import assert from "node:assert/strict";
import { test } from "node:test";

const { count, duration, exact, number, percent } = await import("../../../src/convscope/lab/static/words.js");

const NUMBERS = [
  [0, "0"], [-0, "0"], [1, "1"], [-1, "−1"], [0.1 + 0.2, "0.3"], [2.345, "2.35"], [-0.0123, "−0.0123"], [100, "100"], [999.4, "999"], [999.6, "1000"], [-1.2e-4, "−1.2e−4"],
  [1234.5, "1235"], [12345, "1.2e+4"], [0.000123, "1.2e−4"], [1e-9, "0"], [NaN, "not a number"], [Infinity, "∞"], [-Infinity, "−∞"],
];

for (const [value, said] of NUMBERS) test(`${value} is said as ${said}`, () => assert.equal(number(value), said));

test("all digits of a number are said where they are asked for", () => {
  assert.equal(exact(0.1 + 0.2), "0.30000000000000004");
  assert.equal(exact(-1.5e-7), "−1.5e−7");
});

test("a probability is never rounded to none or to all", () => {
  const said = [0, 0.0001, 0.001, 0.5, 0.9994, 0.99951, 1].map(percent);
  assert.deepEqual(said, ["0.0 %", "< 0.1 %", "0.1 %", "50.0 %", "99.9 %", "> 99.9 %", "> 99.9 %"]);
});

test("one is one, and many have their plural", () => {
  assert.deepEqual([count(0, "unit"), count(1, "unit"), count(60000, "unit"), count(2, "class", "classes")], ["0 units", "1 unit", "60,000 units", "2 classes"]);
});

test("time is said in the unit that a person would take", () => {
  assert.deepEqual([0.04, 9.96, 12.4, 99.4, 150, 5999, 7200].map(duration), ["0.0 s", "10.0 s", "12 s", "99 s", "3 min", "1.7 h", "2.0 h"]);
});
