// One picture: a slice with its window, outlines, letters at its edges, a scale, and what a person measured on it.

const MASS = "#ffd52e";
const GLAND = "#7cc4ff";
const RULER = "#7dffb0";
const HU_MIN = -1024;
const HU_COUNT = 4096;

export class Pane {
  #context; #slice = document.createElement("canvas"); #sliceContext; #image; #pixels; #table = new Uint32Array(HU_COUNT);
  #window; #shown; #shownWindow;

  constructor(canvas, volume) {
    this.canvas = canvas;
    this.volume = volume;
    this.#context = canvas.getContext("2d", { alpha: false });
    const [, rows, columns] = volume.shape;
    this.#slice.width = columns;
    this.#slice.height = rows;
    this.#sliceContext = this.#slice.getContext("2d", { alpha: false });
    this.#image = this.#sliceContext.createImageData(columns, rows);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
    this.rulers = [];
    this.whole();
  }

  // All of the slice.
  whole() {
    const [, rows, columns] = this.volume.shape;
    this.center = [rows / 2, columns / 2];
    this.millimetres = Math.max(rows * this.volume.spacing_mm[1], columns * this.volume.spacing_mm[2]);
  }

  // A square of so many millimetres around a place, `[row, column]`.
  close(place, millimetres) {
    this.center = [place[0] + 0.5, place[1] + 0.5];
    this.millimetres = millimetres;
  }

  set window({ center, width }) {
    if (this.#window?.center === center && this.#window?.width === width) return;
    this.#window = { center, width };
    // The linear window function of PS3.3 C.11.2.1.2.1.
    for (let at = 0; at < HU_COUNT; at++) {
      const share = (at + HU_MIN - (center - 0.5)) / (width - 1) + 0.5;
      const gray = Math.round(Math.min(1, Math.max(0, share)) * 255);
      this.#table[at] = 0xff000000 | (gray << 16) | (gray << 8) | gray;
    }
  }

  get window() { return this.#window; }

  // Device pixels a millimetre, and where the slice's corner is.
  #layout() {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    const scale = Math.min(width, height) / this.millimetres;
    const [, rowStep, columnStep] = this.volume.spacing_mm;
    const [x, y] = [scale * columnStep, scale * rowStep];
    return { ratio, width, height, scale, x, y,
      left: width / 2 - this.center[1] * x, top: height / 2 - this.center[0] * y };
  }

  // Where on the slice a place of the page is, `[row, column]` from the outer corner of the first pixel.
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const it = this.#layout();
    return [((event.clientY - box.top) * it.ratio - it.top) / it.y, ((event.clientX - box.left) * it.ratio - it.left) / it.x];
  }

  // Moves what is in view by so many pixels of the page.
  move(dx, dy) {
    const it = this.#layout();
    this.center = [this.center[0] - dy * it.ratio / it.y, this.center[1] - dx * it.ratio / it.x];
  }

  // Larger or smaller, around the middle.
  zoom(factor) { this.millimetres = Math.min(1000, Math.max(10, this.millimetres * factor)); }

  // Millimetres between two places.
  distance(a, b) {
    const [, rowStep, columnStep] = this.volume.spacing_mm;
    return Math.hypot((a[0] - b[0]) * rowStep, (a[1] - b[1]) * columnStep);
  }

  draw(n, pixels, { outlines, isLoading }) {
    const it = this.#layout();
    const context = this.#context;
    this.#render(n, pixels);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, it.width, it.height);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    const [, rows, columns] = this.volume.shape;
    context.drawImage(this.#slice, it.left, it.top, columns * it.x, rows * it.y);
    if (outlines) this.#outlines(n, it);
    this.#rulers(n, it);
    this.#annotations(n, it, isLoading);
  }

  #render(n, pixels) {
    if (this.#shown === pixels && this.#shownWindow === this.#window) return;
    const out = this.#pixels, table = this.#table;
    for (let at = 0; at < pixels.length; at++) {
      const value = pixels[at] - HU_MIN;
      out[at] = table[value < 0 ? 0 : value >= HU_COUNT ? HU_COUNT - 1 : value];
    }
    this.#sliceContext.putImageData(this.#image, 0, 0);
    this.#shown = pixels;
    this.#shownWindow = this.#window;
  }

  // A mass has a whole line, a gland's region a dashed one: colour says nothing alone.
  #outlines(n, it) {
    const context = this.#context;
    for (const { kind, slices } of this.volume.outlines ?? []) {
      context.strokeStyle = kind === "mass" ? MASS : GLAND;
      context.lineWidth = (kind === "mass" ? 2 : 1.25) * it.ratio;
      context.setLineDash(kind === "mass" ? [] : [6 * it.ratio, 4 * it.ratio]);
      for (const line of slices[n] ?? []) {
        context.beginPath();
        for (const [column, row] of line) context.lineTo(it.left + column * it.x, it.top + row * it.y);
        context.closePath();
        context.stroke();
      }
    }
    context.setLineDash([]);
  }

  #rulers(n, it) {
    const context = this.#context;
    context.strokeStyle = RULER;
    context.lineWidth = 1.5 * it.ratio;
    for (const ruler of this.rulers.filter((ruler) => ruler.slice === n)) {
      const [a, b] = [ruler.from, ruler.to].map(([row, column]) => [it.left + column * it.x, it.top + row * it.y]);
      context.beginPath();
      context.moveTo(...a);
      context.lineTo(...b);
      context.stroke();
      this.#text(`${this.distance(ruler.from, ruler.to).toFixed(1)} mm`, b[0] + 6 * it.ratio, b[1], it, "left", RULER);
    }
  }

  #annotations(n, it, isLoading) {
    const [left, right, top, bottom] = this.volume.edges;
    const edge = 14 * it.ratio;
    this.#text(left, edge, it.height / 2, it, "center");
    this.#text(right, it.width - edge, it.height / 2, it, "center");
    this.#text(top, it.width / 2, edge, it, "center");
    this.#text(bottom, it.width / 2, it.height - edge, it, "center");
    const small = 8 * it.ratio;
    this.#text(`${n + 1} / ${this.volume.shape[0]}${isLoading ? ", loading" : ""}`, small, edge, it, "left");
    const { center, width } = this.#window;
    this.#text(`W ${Math.round(width)}  L ${Math.round(center)}`, it.width - small, edge, it, "right");
    this.#text(this.volume.notice, small, it.height - edge, it, "left");
    this.#scaleBar(it, small, edge);
  }

  // Two centimetres, or five, or one.
  #scaleBar(it, small, edge) {
    const centimetres = [5, 2, 1].find((cm) => cm * 10 * it.scale < it.width / 4) ?? 1;
    const length = centimetres * 10 * it.scale;
    const [x, y] = [it.width - small - length, it.height - edge];
    const context = this.#context;
    context.strokeStyle = "#fff";
    context.lineWidth = 2 * it.ratio;
    context.beginPath();
    context.moveTo(x, y - 4 * it.ratio);
    context.lineTo(x, y);
    context.lineTo(x + length, y);
    context.lineTo(x + length, y - 4 * it.ratio);
    context.stroke();
    this.#text(`${centimetres} cm`, x + length / 2, y - 12 * it.ratio, it, "center");
  }

  // On any ground: white in black.
  #text(text, x, y, it, align, color = "#fff") {
    const context = this.#context;
    context.font = `600 ${14 * it.ratio}px system-ui, sans-serif`;
    context.textAlign = align;
    context.textBaseline = "middle";
    context.lineWidth = 3 * it.ratio;
    context.strokeStyle = "#000";
    context.lineJoin = "round";
    context.strokeText(text, x, y);
    context.fillStyle = color;
    context.fillText(text, x, y);
  }
}
