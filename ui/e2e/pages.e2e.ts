// Every page and dialog: no violation, nothing the policy refuses, nothing wider than the window.

import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { NOW } from "../tests/fixtures";
import { axe, open } from "./browser";
import { site, withSite } from "./site";
import { SHOTS } from "./states";

const OUT = fileURLToPath(new URL("../screenshots", import.meta.url));
withSite();
beforeAll(() => void mkdirSync(OUT, { recursive: true }));

describe.each(SHOTS)("$name", (shot) => {
  test.each([
    { dark: false, width: 1200 },
    { dark: true, width: 1200 },
    { dark: false, width: 380 },
    { dark: true, width: 380 },
  ])("dark $dark, $width px", async ({ dark, width }) => {
    const small = shot.at.startsWith("approval");
    const page = await open(site.browser, `${site.url}/${shot.at}`, shot.answers, {
      dark,
      width: small && width > 700 ? 640 : width,
      height: small ? 620 : width < 480 ? 700 : 760,
      now: NOW,
      ...shot.look,
    });
    try {
      await page.waitForFunction(() => [...document.querySelectorAll("h1, h2, [role=alert]")].some((one) => one.checkVisibility()));
      // Fonts and the first half second of a dialog.
      await page.waitForFunction(() => document.querySelectorAll("[data-decision]").length === 0 || document.querySelector("[data-decision=decline][aria-disabled=false]") !== null);
      if (shot.press !== undefined) await page.getByRole("button", { name: shot.press }).click();
      await page.screenshot({ path: `${OUT}/${shot.name}-${dark ? "dark" : "light"}-${width}.png` });
      expect((await axe(page)).join("\n")).toBe("");
      expect((await page.evaluate(() => window.__broken)).join("\n")).toBe("");
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(wide, "nothing sticks out of the window").toBeLessThanOrEqual(0);
    } finally {
      await page.context().close();
    }
  });
});
