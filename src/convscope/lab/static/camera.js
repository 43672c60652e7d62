/* The camera as a picture: looked at while it runs, kept when it is stopped. Frames go to the library on this machine alone. */

import { ask } from "./api.js";
import { el } from "./parts.js";

const SIDE = 224;

export class Camera {
  /** @param {import("./lab.js").Lab} lab @param {HTMLCanvasElement} board */
  constructor(lab, board) {
    this.lab = lab;
    this.board = board;
    this.running = false;
    this.picture = "";
    /** @type {MediaStream | null} */
    this.stream = null;
  }

  /** @returns {Promise<string>} why it cannot be had, or "" */
  async start() {
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480, facingMode: "environment" } });
    } catch (error) {
      const name = /** @type {Error} */ (error).name;
      return name === "NotAllowedError" ? "The browser was not allowed to use the camera: allow it beside the address." : "No camera was found.";
    }
    const video = el("video", { srcObject: this.stream, muted: true, playsInline: true });
    await video.play();
    this.running = true;
    this.#frames(video);
    return "";
  }

  /** Stop, and keep the last frame as the picture. */
  stop() {
    this.running = false;
    this.stream?.getTracks().forEach((track) => track.stop());
    if (this.picture) this.lab.go({ picture: this.picture });
  }

  /** @param {HTMLVideoElement} video */
  async #frames(video) {
    this.board.width = this.board.height = SIDE;
    const ink = /** @type {CanvasRenderingContext2D} */ (this.board.getContext("2d"));
    while (this.running) {
      const side = Math.min(video.videoWidth, video.videoHeight);
      ink.drawImage(video, (video.videoWidth - side) / 2, (video.videoHeight - side) / 2, side, side, 0, 0, SIDE, SIDE);
      const frame = await new Promise((done) => this.board.toBlob(done, "image/png"));
      try {
        this.picture = (await ask("pictures", {}, { body: frame })).picture;
        if (this.running) await this.lab.sayPicture(this.picture);
      } catch (error) {
        this.lab.trouble(error);
      }
      await new Promise((next) => setTimeout(next, 60));
    }
  }
}
