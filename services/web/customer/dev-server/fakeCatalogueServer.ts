import type { Connect, Plugin } from "vite";

import { FakeCatalogue } from "./FakeCatalogue.ts";
import { fakeCategoryNames, fakeProducts } from "./fakeProducts.ts";

/** Serves the FAKE catalogue under /api while developing; set API_URL to use a real product service. */
export function fakeCatalogueServer(): Plugin {
  const catalogue = new FakeCatalogue(fakeProducts(), fakeCategoryNames);
  const answer: Connect.NextHandleFunction = (request, response, next) => {
    if (!request.url?.startsWith("/api/")) {
      next();
      return;
    }
    const answered = catalogue.handle(new Request(new URL(request.url, "http://fake.invalid")));
    void answered.text().then((body) => {
      response.writeHead(answered.status, Object.fromEntries(answered.headers)).end(body);
    });
  };
  return {
    name: "fake-catalogue",
    configureServer: (server) => void server.middlewares.use(answer),
    configurePreviewServer: (server) => void server.middlewares.use(answer),
  };
}
