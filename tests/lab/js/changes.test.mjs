import assert from "node:assert/strict";
import { test } from "node:test";

const { changed, everywhere, fromText, inWords, toText } = await import("../../../src/convscope/lab/static/pad/changes.js");

test("changes are written as they are read", () => {
  for (const text of ["", "C1:padding=2", "C1:padding=2,stride=1;C3:padding=same,dilation=3"]) assert.equal(toText(fromText(text)), text);
  assert.equal(toText(fromText(" C1:stride=2,padding=1 ; ")), "C1:padding=1,stride=2");
  assert.equal(toText(fromText(undefined)), "");
});

test("nonsense is handed on as far as it says something, for the library to refuse", () => {
  assert.deepEqual(fromText("C1;a:b"), { C1: {}, a: { b: "" } });
  assert.equal(toText(fromText("C1")), "");
});

test("what is changed back is not said", () => {
  const once = changed({}, "C1", "padding", "2", "0");
  assert.equal(toText(once), "C1:padding=2");
  assert.equal(toText(changed(once, "C1", "padding", "0", "0")), "");
  assert.equal(toText(changed(once, "C1", "stride", "2", "1")), "C1:padding=2,stride=2");
});

test("padding same everywhere leaves what else is changed", () => {
  const some = fromText("C1:stride=2;C3:padding=1");
  assert.equal(toText(everywhere(some, ["C1", "C3"], true)), "C1:padding=same,stride=2;C3:padding=same");
  assert.equal(toText(everywhere(some, ["C1", "C3"], false)), "C1:stride=2");
});

test("a change in words", () => assert.equal(inWords({ stride: 2, padding: "same" }), "padding same, stride 2"));
