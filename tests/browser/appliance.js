// An appliance of its own for a test: daemon, accounts, a ward that takes alerts, and a scanner (DCMTK's storescu).

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const PASSWORD = "four words joined up";
const PROGRAM = process.env.PAROTIDD ?? "../../target/release/parotidd";

async function freePort() {
  return new Promise((done) => {
    const socket = createSocket().listen(0, "127.0.0.1", () => {
      const { port } = socket.address();
      socket.close(() => done(port));
    });
  });
}

// Phantoms are made once a run: 512 x 512 pixels and 300 slices take a while.
export function phantom(...options) {
  const folder = mkdtempSync(join(tmpdir(), "parotidd-phantom-"));
  const out = join(folder, "ct");
  execFileSync(PROGRAM, ["phantom", "--out", out, ...options], { stdio: ["ignore", "ignore", "inherit"] });
  const files = readdirSync(out).filter((it) => it.startsWith("IM")).map((it) => join(out, it));
  return { files, remove: () => rmSync(folder, { recursive: true }) };
}

export class Appliance {
  // `https` with the certificate that it makes for itself, as where others are served.
  static async start() {
    const it = new Appliance();
    it.folder = mkdtempSync(join(tmpdir(), "parotidd-browser-"));
    [it.dicom, it.port, it.wardPort] = [await freePort(), await freePort(), await freePort()];
    it.received = [];
    it.ward = createServer((request, response) => {
      let body = "";
      request.on("data", (part) => { body += part; });
      request.on("end", () => {
        it.received.push({ to: request.url, alert: JSON.parse(body) });
        response.end("ok");
      });
    }).listen(it.wardPort, "127.0.0.1");
    it.base = `https://127.0.0.1:${it.port}`;
    const destination = (name, more) =>
      `[[destination]]\nname = "${name}"\nkind = "webhook"\nurl = "http://127.0.0.1:${it.wardPort}/${name}"\n${more}\n`;
    it.config = join(it.folder, "parotidd.toml");
    // 0.0.0.0 and not the loopback alone: the console then speaks TLS.
    writeFileSync(it.config, `data_dir = "${it.folder}/data"
[dicom]
listen = ["127.0.0.1:${it.dicom}"]
calling_ae_titles = ["CT1"]
[series]
quiet_s = 1
[console]
listen = ["0.0.0.0:${it.port}"]
base_url = "${it.base}"
${destination("ward", "")}${destination("on-call", "after_min = 1")}`);
    it.daemon = spawn(PROGRAM, ["run", "--config", it.config], { stdio: ["ignore", "ignore", "pipe"] });
    it.log = "";
    it.daemon.stderr.on("data", (part) => { it.log += part; });
    await it.until(() => it.log.includes("the console is up"), "the console");
    return it;
  }

  async until(look, what, seconds = 90) {
    for (let n = 0; n < seconds * 10; n++) {
      const found = await look();
      if (found) return found;
      await new Promise((done) => setTimeout(done, 100));
    }
    throw new Error(`waited in vain for ${what}:\n${this.log}`);
  }

  addUser(name, role) {
    const all = ["user", "add", name, "--role", role, "--config", this.config];
    execFileSync(PROGRAM, all, { input: `${PASSWORD}\n` });
  }

  store(series) {
    const to = ["-aet", "CT1", "-aec", "PAROTIDD", "127.0.0.1", String(this.dicom)];
    execFileSync("storescu", [...to, ...series.files], { env: { ...process.env, TCP_NODELAY: "1" } });
  }

  // The same, once, and until it is screened: every test can be run alone.
  async screen(series) {
    this.screened ??= new Set();
    if (this.screened.has(series)) return;
    const before = this.nScreened();
    this.store(series);
    await this.until(() => this.nScreened() > before, "the answer", 120);
    this.screened.add(series);
  }

  nScreened() { return Object.values(this.json("status")[0].results).reduce((sum, n) => sum + n, 0); }

  // What a command of the program prints as JSON.
  json(command) {
    return execFileSync(PROGRAM, [command, "--format", "json", "--config", this.config], { encoding: "utf8" })
      .split("\n").filter(Boolean).map((line) => JSON.parse(line));
  }

  display() { return readFileSync(join(this.folder, "data", "display.png")); }

  stop() {
    this.daemon.kill("SIGKILL");
    this.ward.close();
    this.ward.closeAllConnections();
    rmSync(this.folder, { recursive: true });
  }
}
