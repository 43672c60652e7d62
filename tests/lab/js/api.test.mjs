import assert from "node:assert/strict";
import { test } from "node:test";

const { Latest, Lost, Problem, address, ask } = await import("../../../src/convscope/lab/static/api.js");

/** Answer the next question with this. @param {() => Promise<Response> | Response} answer */
const answering = (answer) => (globalThis.fetch = async (...asked) => ((answering.asked = asked), answer()));
const json = (value, status = 200) => new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json" } });

test("an address leaves out what is not said, and codes what is", () => {
  assert.equal(address("runs"), "api/runs");
  assert.equal(address("runs/7/say", { picture: "test/1", epoch: null, ops: "", unit: undefined, start: 0, wrong: false }), "api/runs/7/say?picture=test%2F1&start=0&wrong=false");
});

test("JSON is JSON, and what is neither JSON nor packed is a file", async () => {
  answering(() => json({ a: 1 }));
  assert.deepEqual(await ask("x"), { a: 1 });
  assert.equal(answering.asked[1].method, "GET");
  answering(() => new Response("png", { headers: { "content-type": "image/png" } }));
  assert.equal(await (await ask("x", {}, { json: { b: 2 } })).text(), "png");
  assert.deepEqual([answering.asked[1].method, answering.asked[1].body, answering.asked[1].headers], ["POST", '{"b":2}', { "content-type": "application/json" }]);
});

test("what is wrong comes as the library's own line, with its place", async () => {
  answering(() => json({ error: "there is no layer 'x'", line: 3, column: 7 }, 400));
  await assert.rejects(ask("x"), (error) => error instanceof Problem && error.message === "there is no layer 'x'" && error.status === 400 && error.line === 3 && error.column === 7);
  for (const [text, said] of [["open the link", "open the link"], ["", "the server answered 500"], ['{"detail":"x"}', '{"detail":"x"}']]) {
    answering(() => new Response(text, { status: 500 }));
    await assert.rejects(ask("x"), (error) => error instanceof Problem && error.message === said);
  }
});

test("no answer at all is said to be that, and a question that was taken back is not", async () => {
  answering(() => Promise.reject(new TypeError("failed")));
  await assert.rejects(ask("x"), Lost);
  answering(() => Promise.reject(new DOMException("", "AbortError")));
  await assert.rejects(ask("x"), { name: "AbortError" });
});

test("while one question is answered only the newest of those that wait is kept", async () => {
  const latest = new Latest();
  const done = [];
  /** @type {(() => void)[]} */
  const ends = [];
  const question = (n) => () => new Promise((end) => ends.push(() => (done.push(n), end(undefined))));
  const first = latest.ask(question(1));
  for (const n of [2, 3, 4]) latest.ask(question(n));
  ends[0]();
  await new Promise((next) => setTimeout(next));
  assert.equal(ends.length, 2);
  ends[1]();
  await first;
  assert.deepEqual(done, [1, 4]);
});

test("a question that fails does not stop those after it", async () => {
  const latest = new Latest();
  await assert.rejects(latest.ask(() => Promise.reject(new Error("no"))));
  let asked = false;
  await latest.ask(async () => void (asked = true));
  assert.ok(asked);
});
