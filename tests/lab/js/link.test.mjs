import assert from "node:assert/strict";
import { test } from "node:test";

const { format, nowhere, parse } = await import("../../../src/convscope/lab/static/link.js");

const place = (changes) => ({ ...nowhere(), ...changes });

const LINKS = {
  "#/lenet5/draw": place({ run: "lenet5" }),
  "#/-/draw": place({}),
  "#/lenet5/slide?unit=C3/5&picture=test/17": place({ run: "lenet5", view: "slide", unit: "C3/5", picture: "test/17" }),
  "#/7/conv1/3": place({ run: "7", view: "units", unit: "conv1/3" }),
  "#/7/block1/conv/3?epoch=0": place({ run: "7", view: "units", unit: "block1/conv/3", epoch: 0 }),
  "#/7/units?layer=C3": place({ run: "7", view: "units", more: { layer: "C3" } }),
  "#/7/draw?picture=ink/AB-_&ops=mute:C1/3%3Bscale:C3/5:2": place({ run: "7", picture: "ink/AB-_", ops: ["mute:C1/3", "scale:C3/5:2"] }),
  "#/a%20b%2Fc%3F%23/draw": place({ run: "a b/c?#" }),
  "#/%C3%A9%20%25/draw?x=1%2B1%3D2%26%23": place({ run: "é %", more: { x: "1+1=2&#" } }),
};

for (const [link, there] of Object.entries(LINKS))
  test(`${link} is a place, and the place is that link`, () => {
    assert.deepEqual(parse(link), there);
    assert.equal(format(there), link);
  });

const SLOPPY = {
  "": place({}),
  "#": place({}),
  "#/": place({}),
  "lenet5/draw": place({ run: "lenet5" }),
  "#/lenet5": place({ run: "lenet5" }),
  "#/lenet5//draw/": place({ run: "lenet5" }),
  "#/7/draw?epoch=x": place({ run: "7" }),
  "#/7/draw?epoch=-1": place({ run: "7" }),
  "#/7/draw?ops=;;": place({ run: "7" }),
  "#/%/draw": place({ run: "%" }),
  "#/7/draw?%": place({ run: "7", more: { "%": "" } }),
  "#/7/draw?picture=test/1?unit=2": place({ run: "7", picture: "test/1?unit=2" }),
};

for (const [link, there] of Object.entries(SLOPPY))
  test(`${JSON.stringify(link)}, which nobody would write, is a place all the same`, () => assert.deepEqual(parse(link), there));

test("what a view has of its own may be called anything, but for what a link says of every view", () => {
  for (const key of ["__proto__x", "a b", "ü", "constructor"]) {
    const there = place({ run: "7", more: { [key]: "1" } });
    assert.deepEqual(parse(format(there)), there);
  }
  assert.deepEqual(parse(format(place({ more: { empty: "" } }))).more, {});
});
