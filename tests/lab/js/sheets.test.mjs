import assert from "node:assert/strict";
import { test } from "node:test";

const { FIRST, MOST, added, fromMore, placed, replaced, sideOf, toMore, without } = await import("../../../src/convscope/lab/static/paper/sheets.js");

const FOUR = { sheet: "sobel_x", at: "3,4", sheet2: "C1/3", sheet3: "1 0; 0 1", at3: "9,9", sheet4: "patch:1,2,3,4", chosen: "3", show: "over" };

test("what a link says of sheets is said again in the same way", () => {
  assert.deepEqual(toMore(fromMore(FOUR)), FOUR);
  assert.deepEqual(toMore(fromMore({ sheet: "box" })), { sheet: "box" });
});

test("a link that says nothing, or nonsense, still shows a sheet", () => {
  for (const more of [{}, { sheet: " " }, { chosen: "4", at: "x,y", show: "?" }])
    assert.deepEqual(fromMore(more), { lying: [{ sheet: FIRST, at: null }], chosen: 0, over: false });
  assert.equal(fromMore({ sheet: "box", sheet2: "emboss", chosen: "4" }).chosen, 1);
  assert.deepEqual(fromMore({ sheet3: "box" }).lying, [{ sheet: "box", at: null }]);
});

test("sheets are added up to four; then they take the chosen one's place", () => {
  let scene = fromMore({});
  for (let n = 0; n < MOST + 2; n++) scene = added(scene, { sheet: `box(${n + 2})`, at: null });
  assert.equal(scene.lying.length, MOST);
  assert.equal(scene.chosen, MOST - 1);
  assert.equal(scene.lying[MOST - 1].sheet, `box(${MOST + 3})`);
});

test("the chosen sheet stays chosen when another one goes, and the last one stays", () => {
  const scene = fromMore(FOUR);
  assert.equal(without(scene, 0).lying[without(scene, 0).chosen].sheet, "1 0; 0 1");
  assert.equal(without(scene, 3).lying[without(scene, 3).chosen].sheet, "1 0; 0 1");
  assert.equal(without(fromMore({}), 0).lying.length, 1);
  assert.equal(replaced(scene, { sheet: "x", at: null }).lying[2].sheet, "x");
});

test("a sheet never leaves the picture", () => {
  for (const [rows, columns] of [[28, 28], [1, 224], [3, 2]])
    for (let n = 0; n < MOST; n++)
      for (const at of [null, [0, 0], [999, 999]]) {
        const [row, column] = placed(/** @type {any} */ (at), n, rows, columns);
        assert.ok(row >= 0 && row < rows && column >= 0 && column < columns);
      }
  assert.equal(sideOf(32, 32), 12);
});
