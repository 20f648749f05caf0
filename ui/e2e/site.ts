// One browser and one server for all tests of a file.

import type { Server } from "node:http";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { launch } from "./browser";
import { serve } from "./server";

/** What is there once the tests run. */
export const site = {} as { browser: Browser; url: string };

/** Has both there for the tests of a file. */
export function withSite(): void {
  let server: Server;
  beforeAll(async () => {
    let url: string;
    ({ server, url } = await serve());
    Object.assign(site, { url, browser: await launch() });
  });
  afterAll(async () => {
    await site.browser.close();
    server.close();
  });
}
