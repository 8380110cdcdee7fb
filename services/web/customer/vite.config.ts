import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

import { fakeCatalogueServer } from "./dev-server/fakeCatalogueServer.ts";

/** Where /api goes while developing: a real product service, or the fake one in dev-server/. */
const apiUrl = process.env["API_URL"];
const proxy = apiUrl ? { "/api": { target: apiUrl, changeOrigin: true } } : {};

export default defineConfig({
  plugins: [react(), ...(apiUrl ? [] : [fakeCatalogueServer()])],
  server: { proxy },
  preview: { proxy },
  build: {
    // The content security policy allows our own origin only, so nothing may become a data: URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: {
    environment: "jsdom",
    include: ["tests/**/*.test.{ts,tsx}"],
    setupFiles: ["tests/setup.ts"],
    css: { modules: { classNameStrategy: "non-scoped" } },
    restoreMocks: true,
    // One jsdom for all files: every test opens a shop of its own and cleans up (tests/setup.ts).
    isolate: false,
  },
});
