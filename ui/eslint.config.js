import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";
import svelteConfig from "./svelte.config.js";

export default defineConfig(
  { ignores: ["dist/", "screenshots/", "node_modules/"] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  { languageOptions: { globals: { ...globals.browser, ...globals.node } } },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: [".svelte"], svelteConfig } },
  },
  {
    rules: {
      "@typescript-eslint/no-unused-vars": ["error", { varsIgnorePattern: "^_" }],
      eqeqeq: ["error", "always"],
      "no-console": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      // What an agent or a remote says reaches the page as text only, and the policy of the window
      // takes no style attribute.
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "text only" },
        { property: "outerHTML", message: "text only" },
        { property: "insertAdjacentHTML", message: "text only" },
      ],
    },
  },
  {
    files: ["**/*.svelte"],
    rules: { "svelte/no-at-html-tags": "error", "svelte/no-inline-styles": "error", "svelte/button-has-type": "error", "svelte/no-target-blank": "error" },
  },
);
