// The images of a series: scroll, window and level, outlines on and off, both glands side by side, distances.

import { Pane } from "./pane.js";
import { Slices } from "./slices.js";

const WINDOWS = [["Soft tissue", 40, 350], ["Contrast", 90, 250], ["Bone", 500, 2000], ["Lung", -600, 1500]];
const CLOSE_MM = 80;
// Who scrolls through images that are here already is still at work.
const SIGN_OF_LIFE_MS = 60_000;
const SIDES = ["right", "left"];

function element(name, attributes = {}, ...children) {
  const it = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) it.addEventListener(key.slice(2), value); else it.setAttribute(key, value);
  }
  it.append(...children);
  return it;
}

class Viewer {
  constructor(root, volume) {
    this.root = root;
    this.volume = volume;
    this.slice = volume.first_slice;
    this.window = { center: WINDOWS[0][1], width: WINDOWS[0][2] };
    this.outlines = Boolean(volume.outlines);
    this.isMeasuring = false;
    this.slices = new Slices(root.dataset.series, volume.shape, (n) => this.loaded(n));
    this.build();
    this.layout("whole");
    new ResizeObserver(() => this.ask()).observe(this.panesBox);
    this.go(this.slice);
  }

  build() {
    this.tools = element("div", { class: "tools", role: "toolbar", "aria-label": "View" });
    const toggle = (text, isOn, act) => {
      const button = element("button", { type: "button", "aria-pressed": String(isOn), onclick: () => {
        const next = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(next));
        act(next);
      } }, text);
      this.tools.append(button);
      return button;
    };
    if (this.volume.outlines) {
      this.outlineButton = toggle("Outlines", true, (isOn) => { this.outlines = isOn; this.ask(); });
    }
    if (this.volume.glands.length > 1) {
      this.bothButton = toggle("Both sides", false, (isOn) => this.layout(isOn ? "both" : "whole"));
    }
    this.measureButton = toggle("Measure", false, (isOn) => { this.isMeasuring = isOn; });
    const select = element("select", { "aria-label": "Window", onchange: () => {
      const [, center, width] = WINDOWS[select.selectedIndex];
      this.setWindow(center, width);
    } }, ...WINDOWS.map(([name]) => element("option", {}, name)));
    this.tools.append(select);
    for (const place of this.places()) {
      this.tools.append(element("button", { type: "button", onclick: () => this.visit(place) }, place.name));
    }
    this.tools.append(element("button", { type: "button", onclick: () => this.layout("whole") }, "Whole slice"));
    this.panesBox = element("div", { class: "panes" });
    const last = this.volume.shape[0] - 1;
    this.slider = element("input", { type: "range", id: "slice", min: 0, max: last, step: 1,
      oninput: () => this.go(Number(this.slider.value)) });
    this.label = element("label", { for: "slice" });
    this.readout = element("p", { class: "readout" });
    this.root.replaceChildren(this.tools, this.panesBox, element("div", { class: "scroll" }, this.label, this.slider), this.readout);
    this.root.addEventListener("keydown", (event) => this.key(event));
    if (!this.volume.outlines) this.say("No outlines are kept of this answer.");
  }

  // Findings, or the glands where there is none.
  places() {
    const { findings, glands } = this.volume;
    const found = findings.map((it) => ({ name: `Mass, ${it.side}`, center: it.center }));
    return found.concat(glands.map((it) => ({ name: `Gland, ${it.side}`, center: it.center })));
  }

  layout(kind) {
    this.bothButton?.setAttribute("aria-pressed", String(kind === "both"));
    // The patient's right where it is on the whole slice.
    const sides = this.volume.edges[0] === "L" ? [...SIDES].reverse() : SIDES;
    const centers = kind === "both" ? sides.map((side) => this.volume.glands.find((it) => it.side === side)) : [null];
    this.panes = centers.map((gland) => {
      const name = gland ? `${gland.side} gland` : "whole slice";
      const canvas = element("canvas", { role: "img", tabindex: "0", "aria-label": `CT, ${name}` });
      const pane = new Pane(canvas, this.volume);
      if (gland) pane.close(gland.center.slice(1), CLOSE_MM);
      pane.name = name;
      this.hear(pane);
      return pane;
    });
    this.panesBox.replaceChildren(...this.panes.map((pane) => element("div", {}, pane.canvas)));
    this.ask();
  }

  hear(pane) {
    const { canvas } = pane;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.ctrlKey) { pane.zoom(event.deltaY > 0 ? 1.1 : 1 / 1.1); this.ask(); } else this.go(this.wanted + Math.sign(event.deltaY));
    }, { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      const from = pane.place(event);
      this.drag = { button: event.button, x: event.clientX, y: event.clientY };
      if (this.isMeasuring && event.button === 0) {
        this.drag.ruler = { slice: this.slice, from, to: from };
        pane.rulers.push(this.drag.ruler);
      }
    });
    canvas.addEventListener("pointermove", (event) => this.pointer(pane, event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => {
        const ruler = this.drag?.ruler;
        // A mere click measures nothing.
        if (ruler && pane.distance(ruler.from, ruler.to) < 0.5) pane.rulers.pop();
        this.drag = null;
        this.ask();
      });
    }
  }

  // Left: window and level, or a distance. Right or middle: move.
  pointer(pane, event) {
    const drag = this.drag;
    if (!drag) return this.probe(pane, event);
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    [drag.x, drag.y] = [event.clientX, event.clientY];
    if (drag.ruler) drag.ruler.to = pane.place(event);
    else if (drag.button === 0) this.setWindow(this.window.center + dy, Math.max(2, this.window.width + 2 * dx));
    else pane.move(dx, dy);
    this.ask();
  }

  probe(pane, event) {
    const [row, column] = pane.place(event).map(Math.floor);
    const [, rows, columns] = this.volume.shape;
    const pixels = this.slices.get(this.slice);
    const isInside = row >= 0 && row < rows && column >= 0 && column < columns;
    this.say(isInside && pixels ? `${pixels[row * columns + column]} HU at row ${row + 1}, column ${column + 1}` : "");
  }

  say(text) { this.readout.textContent = text; }

  key(event) {
    if (event.target === this.slider || event.target.tagName === "SELECT") return;
    const step = { ArrowDown: 1, ArrowUp: -1, ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10 }[event.key];
    const last = this.volume.shape[0] - 1;
    if (step) this.go(this.wanted + step);
    else if (event.key === "Home") this.go(0);
    else if (event.key === "End") this.go(last);
    else if (event.key === "o") this.outlineButton?.click();
    else if (event.key === "b") this.bothButton?.click();
    else if (event.key === "m") this.measureButton.click();
    else if (event.key === "+" || event.key === "-") { for (const pane of this.panes) pane.zoom(event.key === "+" ? 1 / 1.2 : 1.2); this.ask(); }
    else return;
    event.preventDefault();
  }

  setWindow(center, width) {
    this.window = { center, width };
    this.ask();
  }

  visit({ center }) {
    if (this.panes.length === 1) this.panes[0].close(center.slice(1), CLOSE_MM);
    this.go(Math.round(center[0]));
  }

  // Once in a while, while a person does something.
  alive() {
    if (performance.now() - (this.lastSign ?? 0) < SIGN_OF_LIFE_MS) return;
    this.lastSign = performance.now();
    fetch("/api/v1/session", { credentials: "same-origin" }).catch(() => {});
  }

  go(n) {
    this.alive();
    this.wanted = Math.min(this.volume.shape[0] - 1, Math.max(0, n));
    this.slider.value = this.wanted;
    this.label.textContent = `Slice ${this.wanted + 1} of ${this.volume.shape[0]}`;
    this.slider.setAttribute("aria-valuetext", this.label.textContent);
    this.slices.focus(this.wanted);
    this.ask();
  }

  loaded(n) {
    this.root.dataset.loaded = this.slices.count;
    if (n === this.wanted) this.ask();
  }

  // One picture a frame, whatever was asked for in between.
  ask() {
    this.frame ??= requestAnimationFrame(() => { this.frame = null; this.draw(); });
  }

  draw() {
    const wanted = this.slices.get(this.wanted);
    if (wanted) this.slice = this.wanted;
    else if (this.slices.hasFailed(this.wanted)) this.say("This slice cannot be read.");
    const pixels = this.slices.get(this.slice);
    if (!pixels) return;
    for (const pane of this.panes) {
      pane.window = this.window;
      pane.draw(this.slice, pixels, { outlines: this.outlines, isLoading: !wanted });
    }
    // What is on the screen, for whoever checks it.
    this.root.dataset.slice = this.slice;
    if (!this.root.dataset.firstDrawn) this.root.dataset.firstDrawn = performance.now().toFixed(0);
  }
}

const root = document.getElementById("viewer");
if (root) {
  const say = (text) => root.replaceChildren(element("p", { class: "message", role: "status" }, text));
  try {
    const response = await fetch(`/api/v1/series/${root.dataset.series}/volume`, { credentials: "same-origin" });
    const answer = await response.json();
    if (response.ok) new Viewer(root, answer); else say(answer.detail);
  } catch {
    say("The images could not be fetched. Load the page again.");
  }
}
