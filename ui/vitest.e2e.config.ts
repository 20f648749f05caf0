import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "node",
    include: ["e2e/**/*.e2e.ts"],
    globalSetup: ["e2e/build.ts"],
    testTimeout: 90_000,
    hookTimeout: 90_000,
    // One browser at a time: the task lengths are measured.
    fileParallelism: false,
  },
});
