// The slices of a series: fetched as they are wanted, the nearest to the one in view first, kept while there is room.

const AT_ONCE = 4;
const KEPT_BYTES_MAX = 400 * 1024 * 1024;

// Undoes what `packing.rs` does: low bytes, then high bytes, of each pixel's difference from its left neighbour.
export function unpack(bytes, columns) {
  const n = bytes.length / 2;
  const out = new Int16Array(n);
  for (let start = 0; start < n; start += columns) {
    let before = start === 0 ? 0 : out[start - columns];
    const end = Math.min(start + columns, n);
    for (let at = start; at < end; at++) {
      before = (before + (bytes[at] | (bytes[n + at] << 8))) << 16 >> 16;
      out[at] = before;
    }
  }
  return out;
}

export class Slices {
  #address; #shape; #loaded = new Map(); #waiting = new Map(); #failed = new Set(); #focus = 0; #running = 0; #kept;

  constructor(series, shape, onLoaded) {
    this.#address = `/api/v1/series/${series}/slices/`;
    this.#shape = shape;
    this.#kept = Math.max(8, Math.floor(KEPT_BYTES_MAX / (2 * shape[1] * shape[2])));
    this.onLoaded = onLoaded;
  }

  // The pixels of a slice in Hounsfield units, or nothing yet.
  get(n) { return this.#loaded.get(n); }

  get count() { return this.#loaded.size; }

  hasFailed(n) { return this.#failed.has(n); }

  // The slice in view: what is near is fetched next.
  focus(n) {
    this.#focus = n;
    while (this.#running < AT_ONCE) {
      const next = this.#nearest();
      if (next === undefined) return;
      this.#fetch(next);
    }
  }

  #nearest() {
    const total = this.#shape[0];
    for (let distance = 0; distance < total; distance++) {
      // What would not be kept is not fetched ahead.
      if (distance * 2 > this.#kept) return undefined;
      for (const n of distance ? [this.#focus + distance, this.#focus - distance] : [this.#focus]) {
        const isWanted = n >= 0 && n < total && !this.#loaded.has(n) && !this.#waiting.has(n) && !this.#failed.has(n);
        if (isWanted) return n;
      }
    }
    return undefined;
  }

  async #fetch(n) {
    this.#running++;
    this.#waiting.set(n, true);
    try {
      const response = await fetch(this.#address + n, { credentials: "same-origin" });
      if (!response.ok) throw new Error(response.statusText);
      this.#keep(n, unpack(new Uint8Array(await response.arrayBuffer()), this.#shape[2]));
    } catch {
      this.#failed.add(n);
    } finally {
      this.#waiting.delete(n);
      this.#running--;
      this.onLoaded(n);
      this.focus(this.#focus);
    }
  }

  #keep(n, pixels) {
    this.#loaded.set(n, pixels);
    while (this.#loaded.size > this.#kept) {
      let farthest = n;
      for (const it of this.#loaded.keys()) {
        if (Math.abs(it - this.#focus) > Math.abs(farthest - this.#focus)) farthest = it;
      }
      if (farthest === n) break;
      this.#loaded.delete(farthest);
    }
  }
}
