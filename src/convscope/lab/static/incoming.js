/* Pictures of the user's own: dropped or pasted anywhere, or picked as a file. */

import { ask } from "./api.js";

/** Hand a picture file over to the library, and look at it. @param {import("./lab.js").Lab} lab @param {Blob} file */
export async function takeFile(lab, file) {
  try {
    const kept = await ask("pictures", {}, { body: file });
    lab.go({ picture: kept.picture });
  } catch (error) {
    lab.trouble(error);
  }
}

/** @param {import("./lab.js").Lab} lab */
export function takeDropped(lab) {
  const picture = (/** @type {DataTransfer | null} */ data) => [...(data?.files ?? [])].find((file) => file.type.startsWith("image/"));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    const file = picture(event.dataTransfer);
    if (file) takeFile(lab, file);
  });
  addEventListener("paste", (event) => {
    const file = picture(event.clipboardData);
    if (file) takeFile(lab, file);
  });
}

/** Let the user choose a picture file. @param {import("./lab.js").Lab} lab */
export function chooseFile(lab) {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = "image/*";
  input.onchange = () => input.files?.[0] && takeFile(lab, input.files[0]);
  input.click();
}
