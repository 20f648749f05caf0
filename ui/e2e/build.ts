import { build } from "vite";

/** The tests look at what is shipped, so it is built first. */
export default async function setup(): Promise<void> {
  await build({ logLevel: "warn" });
}
