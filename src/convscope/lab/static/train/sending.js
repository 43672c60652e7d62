/* Files of the user's own on their way to the library: a zip as it is, a folder as a zip that is made here, without compressing. */

import { Lost, Problem, address } from "../api.js";

/** @typedef {{ path: string, file: File }} Named */

const MOST_FILES = 60_000;
const MOST_BYTES = 3_900_000_000;
/** @type {Uint32Array | null} */
let table = null;

/** @param {FileList | null} files @returns {Named[]} */
export const pickedFiles = (files) => [...(files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

/** All files that were dropped, also those inside of folders. @param {DataTransfer} data @returns {Promise<Named[]>} */
export async function droppedFiles(data) {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry !== null && entry !== undefined);
  /** @type {Named[]} */
  const found = [];
  if (!entries.length) return pickedFiles(data.files);
  for (const entry of entries) await inside(entry, found);
  return found;
}

/** @param {FileSystemEntry} entry @param {Named[]} found */
async function inside(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject));
    found.push({ path: entry.fullPath.replace(/^\//, ""), file });
    return;
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  for (;;) { // a reader gives a hundred at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const one of some) await inside(one, found);
    if (found.length > MOST_FILES) return;
  }
}

/**
 * Files as one zip, and its name. @param {Named[]} files @param {(done: number) => void} progress
 * @returns {Promise<{ name: string, body: Blob }>}
 */
export async function zipped(files, progress) {
  if (files.length === 1 && /\.zip$/i.test(files[0].path)) return { name: files[0].file.name, body: files[0].file };
  const kept = files.filter(({ path }) => !path.split("/").some((part) => part.startsWith(".") || part === "__MACOSX"));
  const bytes = kept.reduce((sum, { file }) => sum + file.size, 0);
  if (!kept.some(({ path }) => path.includes("/"))) throw new Problem("These are files without a folder: put those of each class into a folder named for it, and choose the folder around them.", 400);
  if (kept.length > MOST_FILES || bytes > MOST_BYTES)
    throw new Problem(`At most ${MOST_FILES.toLocaleString("en")} files and 3.9 GB can be sent: type the folder's path instead, it need not be copied then.`, 413);
  /** @type {(Uint8Array | File)[]} */
  const parts = [];
  /** @type {{ name: Uint8Array, sum: number, size: number, at: number }[]} */
  const places = [];
  let at = 0;
  for (const { path, file } of kept) {
    const name = new TextEncoder().encode(path);
    const sum = crc(new Uint8Array(await file.arrayBuffer()));
    const header = entry(0x04034b50, name, sum, file.size);
    parts.push(header, name, file);
    places.push({ name, sum, size: file.size, at });
    at += header.length + name.length + file.size;
    if (places.length % 50 === 0) progress(places.length);
  }
  const start = at;
  for (const { name, sum, size, at: place } of places) {
    const header = entry(0x02014b50, name, sum, size, place);
    parts.push(header, name);
    at += header.length + name.length;
  }
  parts.push(end(places.length, at - start, start));
  return { name: `${kept[0].path.split("/")[0]}.zip`, body: new Blob(/** @type {BlobPart[]} */ (parts)) };
}

/** A file's header in a zip, or with `place` its entry in the list at the end. @param {number} kind @param {Uint8Array} name @param {number} sum @param {number} size @param {number} [place] */
function entry(kind, name, sum, size, place) {
  const listed = place !== undefined;
  const view = new DataView(new ArrayBuffer(listed ? 46 : 30));
  view.setUint32(0, kind, true);
  let at = 4;
  if (listed) (view.setUint16(at, 20, true), (at += 2));
  view.setUint16(at, 20, true);
  view.setUint16(at + 2, 0x0800, true); // names are UTF-8
  view.setUint16(at + 8, 0x21, true); // 1 January 1980: when it was made says nothing about a picture
  view.setUint32(at + 10, sum, true);
  view.setUint32(at + 14, size, true);
  view.setUint32(at + 18, size, true);
  view.setUint16(at + 22, name.length, true);
  if (listed) view.setUint32(42, place, true);
  return new Uint8Array(view.buffer);
}

/** @param {number} files @param {number} bytes of the list @param {number} start of the list */
function end(files, bytes, start) {
  const view = new DataView(new ArrayBuffer(22));
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(8, files, true);
  view.setUint16(10, files, true);
  view.setUint32(12, bytes, true);
  view.setUint32(16, start, true);
  return new Uint8Array(view.buffer);
}

/** The checksum that a zip keeps of each file (CRC-32). @param {Uint8Array} bytes */
export function crc(bytes) {
  table ??= Uint32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n >>> 0;
  });
  let sum = 0xffffffff;
  for (let n = 0; n < bytes.length; n++) sum = table[(sum ^ bytes[n]) & 255] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

/** @param {string} name @param {Blob} body @param {(done: number) => void} progress @returns {Promise<{ source: string, bytes: number }>} */
export function upload(name, body, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch does not say how far it is
    request.open("POST", address(`uploads/${encodeURIComponent(name.slice(0, 150))}`));
    request.setRequestHeader("content-type", "application/zip");
    request.upload.onprogress = (event) => progress(event.loaded);
    request.onerror = () => reject(new Lost("The pictures did not arrive: is convscope still running, and are they not larger than 4 GB?"));
    request.onload = () => {
      try {
        const said = JSON.parse(request.responseText);
        if (request.status === 200) resolve(said);
        else reject(new Problem(said.error, request.status));
      } catch {
        reject(new Problem(request.responseText || `the server answered ${request.status}`, request.status));
      }
    };
    request.send(body);
  });
}
