import { screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";

import { FakeCatalogue } from "../dev-server/FakeCatalogue.ts";
import { openShop } from "./openShop";

const json = (body: string) => () => new Response(body, { headers: { "Content-Type": "application/json" } });
const html = () => new Response("<!doctype html>", { headers: { "Content-Type": "text/html" } });

test.each([
  ["as configured", json('{"shopName": " Nordlicht "}'), "Nordlicht"],
  ["the default without a file", undefined, "Storefront"],
  ["the default with an empty configuration", json("{}"), "Storefront"],
  ["the default when the name is blank", json('{"shopName": " "}'), "Storefront"],
  ["the default when the name is no text", json('{"shopName": 7}'), "Storefront"],
  ["the default when the file is broken", json("{"), "Storefront"],
  ["the default when a page is sent instead", html, "Storefront"],
])("the shop's name is %s", async (_, config, name) => {
  openShop("/", new FakeCatalogue([]), config);

  expect(await screen.findByRole("link", { name })).toBeTruthy();
  await vi.waitFor(() => { expect(document.title).toBe(name); });
});
