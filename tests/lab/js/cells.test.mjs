/* Numbers as short as a cell is narrow. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { short } from "../../../src/convscope/lab/static/slide/cells.js";

test("two digits behind the point, fewer of large numbers, three where asked", () => {
  const said = [0, -0.004, 0.126, -1.5, 12.34, 250.4, 12345, NaN, -Infinity].map((value) => short(value));
  assert.deepEqual(said, ["0.00", "0.00", "0.13", "−1.50", "12.3", "250", "1e+4", "?", "−∞"]);
  assert.deepEqual([short(0.0012, true), short(-0.0004, true), short(0, true)], ["0.001", "−4e−4", "0.000"]);
});
