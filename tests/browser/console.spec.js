// People at the console: the technologist sees a finding and acknowledges it, the radiologist judges, the engineer looks
// after the rest; with a mouse, with a keyboard alone, and with what axe-core knows of screen readers.

import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "@playwright/test";

import { Appliance, PASSWORD, phantom } from "./appliance.js";

let appliance, series, other;

test.beforeAll(async () => {
  test.setTimeout(300_000);
  series = phantom("--seed", "7", "--tumor", "left", "--matrix", "512", "--slices", "300", "--spacing", "0.75");
  other = phantom("--seed", "11", "--tumor", "right", "--matrix", "192", "--slices", "60");
  appliance = await Appliance.start();
  appliance.addUser("tess", "technologist");
  appliance.addUser("rada", "radiologist");
  appliance.addUser("ed", "engineer");
});

test.afterAll(() => {
  appliance?.stop();
  series?.remove();
  other?.remove();
});

// Logged in, with an eye on where requests go and what the browser objects to.
async function enter(page, name) {
  const foreign = [], complaints = [];
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol !== "data:" && host !== `127.0.0.1:${appliance.port}`) foreign.push(request.url());
  });
  page.on("console", (message) => { if (message.type() === "error") complaints.push(message.text()); });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(`${appliance.base}/login`);
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("button", { name: "Log out" })).toBeVisible();
  return () => {
    expect(foreign).toEqual([]);
    expect(complaints).toEqual([]);
  };
}

// Pixels of the display in the colour of a flag that nobody has acknowledged.
async function nUrgent(page) {
  return page.evaluate(async (png) => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    // The day palette's, see src/display/theme.rs.
    const URGENT = [0xff, 0xb8, 0x4d];
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    let n = 0;
    for (let at = 0; at < data.length; at += 4) if (data[at] === URGENT[0] && data[at + 1] === URGENT[1] && data[at + 2] === URGENT[2]) n++;
    return n;
  }, appliance.display().toString("base64"));
}

async function accessible(page, name) {
  const found = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
  const serious = found.violations.filter((it) => ["serious", "critical"].includes(it.impact));
  expect.soft(serious.map((it) => `${name}: ${it.id} ${it.nodes.map((node) => node.html).join(" ")}`)).toEqual([]);
}

test("a finding is seen, scrolled through and acknowledged, and everything follows", async ({ page }) => {
  const check = await enter(page, "tess");
  await expect(page.getByText("Nothing came on this day.")).toBeVisible();
  appliance.store(series);
  // The page finds it by itself.
  const row = page.getByRole("row").filter({ hasText: "flagged" });
  await expect(row).toContainText("left", { timeout: 120_000 });
  await appliance.until(() => appliance.received.length === 1, "the alert");
  appliance.screened = new Set([series]);
  expect(await nUrgent(page)).toBeGreaterThan(1000);
  await row.getByRole("link").click();

  const viewer = page.locator("#viewer");
  await expect(viewer).toHaveAttribute("data-slice", /\d+/);
  const first = Number(await viewer.getAttribute("data-slice"));
  const canvas = viewer.locator("canvas").first();
  await page.screenshot({ path: "../../target/browser/series.png", fullPage: true });

  // Its outline is yellow, and goes with the button.
  const yellow = () => canvas.evaluate((it) => {
    const { data } = it.getContext("2d").getImageData(0, 0, it.width, it.height);
    let n = 0;
    for (let at = 0; at < data.length; at += 4) if (data[at] > 180 && data[at + 1] > 140 && data[at + 2] < 110) n++;
    return n;
  });
  await expect.poll(yellow).toBeGreaterThan(50);
  await page.getByRole("button", { name: "Outlines" }).click();
  await expect.poll(yellow).toBe(0);
  await page.getByRole("button", { name: "Outlines" }).click();

  // The wheel goes through the slices.
  await canvas.hover();
  await page.mouse.wheel(0, 100);
  await expect(viewer).toHaveAttribute("data-slice", String(first + 1));
  await page.mouse.wheel(0, -100);
  await expect(viewer).toHaveAttribute("data-slice", String(first));

  // Window and level by dragging; HU under the pointer; a distance.
  const box = await canvas.boundingBox();
  const middle = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(...middle);
  await expect(viewer.locator(".readout")).toContainText("HU");
  await page.getByRole("button", { name: "Measure" }).click();
  await page.mouse.move(...middle);
  await page.mouse.down();
  await page.mouse.move(middle[0] + 120, middle[1], { steps: 4 });
  await page.mouse.up();
  await page.getByRole("button", { name: "Measure" }).click();
  await page.getByRole("button", { name: "Both sides" }).click();
  await expect(viewer.locator("canvas")).toHaveCount(2);
  await expect.poll(() => viewer.locator("canvas").nth(1).evaluate((it) => it.width)).toBeGreaterThan(100);
  await page.screenshot({ path: "../../target/browser/both.png" });
  await page.getByRole("button", { name: "Whole slice" }).click();
  await accessible(page, "series");

  await page.getByRole("button", { name: "I have seen this alert" }).click();
  await expect(page.locator("#answer")).toContainText("acknowledged by tess");
  // The display is no longer in the colour of what waits for a person.
  await appliance.until(async () => await nUrgent(page) === 0, "the display", 20);
  expect(appliance.json("status")[0].alerts.open).toBe(0);
  const audit = appliance.json("audit").map((it) => `${it.event} ${it.actor}`);
  expect(audit).toContain("acknowledged tess");
  expect(audit).toContain("series_opened tess");

  // One that nobody acknowledges goes to the next; the one that was acknowledged never does.
  await appliance.screen(other);
  await appliance.until(() => appliance.received.some((it) => it.to === "/on-call"), "the escalation", 180);
  const escalated = appliance.received.filter((it) => it.to === "/on-call");
  const acknowledged = appliance.received[0].alert.report.series_instance_uid;
  expect(escalated.map((it) => it.alert.report.series_instance_uid)).not.toContain(acknowledged);
  check();
});

test("300 slices open within a second and scroll at more than 30 a second", async ({ page }) => {
  await appliance.screen(series);
  const check = await enter(page, "rada");
  const row = page.getByRole("row").filter({ hasText: "300" });
  const address = await row.getByRole("link").getAttribute("href");
  const opened = [];
  for (let n = 0; n < 3; n++) {
    await page.goto(`${appliance.base}${address}`);
    const viewer = page.locator("#viewer");
    await expect(viewer).toHaveAttribute("data-first-drawn", /\d+/);
    opened.push(Number(await viewer.getAttribute("data-first-drawn")));
  }
  const viewer = page.locator("#viewer");
  // While slices still come: what a person does who does not wait.
  const cold = await scroll(page, 60);
  await expect.poll(async () => Number(await viewer.getAttribute("data-loaded")), { timeout: 60_000 }).toBeGreaterThan(290);
  const warm = await scroll(page, 150);
  console.log(`open ${opened.join(", ")} ms; scroll ${cold.toFixed(0)} slices/s at once, ${warm.toFixed(0)} once loaded`);
  expect(Math.min(...opened)).toBeLessThan(1000);
  expect(warm).toBeGreaterThan(30);
  check();
});

// Slices a second that were really drawn, one after the other, from the slice in view.
async function scroll(page, count) {
  return page.locator("#viewer").evaluate(async (root, count) => {
    const canvas = root.querySelector("canvas");
    const start = performance.now();
    let direction = Number(root.dataset.slice) > 150 ? -1 : 1;
    for (let n = 0; n < count; n++) {
      const before = root.dataset.slice;
      canvas.dispatchEvent(new WheelEvent("wheel", { deltaY: direction * 100, bubbles: true, cancelable: true }));
      while (root.dataset.slice === before) await new Promise(requestAnimationFrame);
    }
    return count * 1000 / (performance.now() - start);
  }, count);
}

test("a radiologist works with the keyboard alone", async ({ page }) => {
  await appliance.screen(series);
  const check = await enter(page, "rada");
  await page.goto(`${appliance.base}/series`);
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
  await page.keyboard.press("Enter");
  const link = page.getByRole("row").filter({ hasText: "300" }).getByRole("link");
  for (let n = 0; n < 20 && !(await link.evaluate((it) => it === document.activeElement)); n++) await page.keyboard.press("Tab");
  await expect(link).toBeFocused();
  await page.keyboard.press("Enter");
  const viewer = page.locator("#viewer");
  await expect(viewer).toHaveAttribute("data-slice", /\d+/);
  const first = Number(await viewer.getAttribute("data-slice"));
  const canvas = viewer.locator("canvas").first();
  for (let n = 0; n < 40 && !(await canvas.evaluate((it) => it === document.activeElement)); n++) await page.keyboard.press("Tab");
  await expect(canvas).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await expect(viewer).toHaveAttribute("data-slice", String(first + 2));
  await page.keyboard.press("b");
  await expect(viewer.locator("canvas")).toHaveCount(2);
  const verdict = page.getByRole("group", { name: /left gland/ }).getByLabel("there is a mass, as outlined");
  await verdict.focus();
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "Keep" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText("said by rada")).toBeVisible();
  check();
});

test("every page is accessible, in the dark and in the light", async ({ browser }) => {
  await appliance.screen(series);
  for (const colorScheme of ["dark", "light"]) {
    const context = await browser.newContext({ colorScheme, ignoreHTTPSErrors: true });
    const page = await context.newPage();
    await page.goto(`${appliance.base}/login`);
    await accessible(page, "login");
    const check = await enter(page, "ed");
    for (const path of ["outbox", "worklist", "storage", "models", "audit", "users", "settings", "account"]) {
      await page.goto(`${appliance.base}/${path}`);
      await accessible(page, path);
      await page.screenshot({ path: `../../target/browser/${path}-${colorScheme}.png`, fullPage: true });
    }
    await page.getByRole("button", { name: "Log out" }).click();
    await expect(page.getByRole("button", { name: "Log in" })).toBeVisible();
    await enter(page, "tess");
    await page.goto(`${appliance.base}/series`);
    await accessible(page, "series of a day");
    await page.screenshot({ path: `../../target/browser/day-${colorScheme}.png`, fullPage: true });
    check();
    await context.close();
  }
});

test("pages work at the size of a telephone, and at 400 % zoom", async ({ page }) => {
  await appliance.screen(series);
  await page.setViewportSize({ width: 360, height: 740 });
  await enter(page, "tess");
  await page.goto(`${appliance.base}/series`);
  await page.getByRole("row").filter({ hasText: "300" }).getByRole("link").click();
  await expect(page.locator("#viewer")).toHaveAttribute("data-slice", /\d+/);
  await page.screenshot({ path: "../../target/browser/telephone.png" });
  const { width, view } = await page.evaluate(() => ({ width: document.documentElement.scrollWidth, view: innerWidth }));
  expect(width).toBeLessThanOrEqual(view);
});

test("the page behind a link of an alert is accessible, and works without scripts", async ({ browser }) => {
  await appliance.screen(other);
  const context = await browser.newContext({ javaScriptEnabled: false, ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await appliance.until(() => appliance.received.length > 0, "the alert");
  const open = appliance.received.findLast((it) => it.to === "/ward");
  await page.goto(open.alert.acknowledge_url);
  await page.screenshot({ path: "../../target/browser/link.png", fullPage: true });
  await page.getByLabel("Your name").fill("Dr Link");
  await page.getByRole("button", { name: "I have seen this alert" }).click();
  await expect(page.getByText("acknowledged by Dr Link")).toBeVisible();
  await context.close();
});

test("ten wrong passwords lock a name", async ({ page }) => {
  await page.goto(`${appliance.base}/login`);
  for (let n = 0; n < 10; n++) {
    await page.getByLabel("Name").fill("ed");
    await page.getByLabel("Password").fill("wrong horse battery");
    await page.getByRole("button", { name: "Log in" }).click();
    await expect(page.getByRole("alert")).toContainText(n < 9 ? "wrong" : "locked");
  }
  await page.getByLabel("Name").fill("ed");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("alert")).toContainText("locked");
});
