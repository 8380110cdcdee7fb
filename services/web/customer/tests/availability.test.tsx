import { screen } from "@testing-library/react";
import { describe, expect, test, vi } from "vitest";

import { FakeCatalogue } from "../dev-server/FakeCatalogue.ts";
import { fakeProduct } from "../dev-server/fakeProducts.ts";
import { openShop, pass } from "./openShop";

const UNAVAILABLE = "The shop is temporarily unavailable";

function closedCatalogue(): FakeCatalogue {
  const catalogue = new FakeCatalogue([fakeProduct(0, { name: "Mug" })]);
  catalogue.available = false;
  return catalogue;
}

describe("while the shop is away", () => {
  test("the listing says so and fills itself when the shop is back", async () => {
    const catalogue = closedCatalogue();
    openShop("/", catalogue);
    expect((await screen.findByRole("alert")).textContent).toContain(UNAVAILABLE);
    await pass(30);
    expect(screen.getByRole("alert").textContent).toContain(UNAVAILABLE);

    catalogue.available = true;
    await pass(5);

    expect(await screen.findByRole("link", { name: "Mug" })).toBeTruthy();
    expect(await screen.findByRole("navigation", { name: "Categories" })).toBeTruthy();
    expect(screen.queryByRole("alert")).toBeNull();
  });

  test("the button tries at once", async () => {
    const catalogue = closedCatalogue();
    const { user } = openShop("/", catalogue);
    const button = await screen.findByRole("button", { name: "Try again now" });
    catalogue.available = true;
    const before = Date.now();

    await user.click(button);

    expect(await screen.findByRole("link", { name: "Mug" })).toBeTruthy();
    expect(Date.now() - before).toBeLessThan(2_000);
  });

  test("a product page says so and fills itself", async () => {
    const catalogue = closedCatalogue();
    openShop(`/products/${fakeProduct(0).id}`, catalogue);
    expect((await screen.findByRole("alert")).textContent).toContain(UNAVAILABLE);

    catalogue.available = true;
    await pass(5);

    expect(await screen.findByRole("heading", { name: "Mug", level: 1 })).toBeTruthy();
  });

  test("a network without any answer counts as away, too", async () => {
    const catalogue = closedCatalogue();
    const refused = vi.spyOn(catalogue, "handle").mockImplementation(() => {
      throw new TypeError("Failed to fetch");
    });
    openShop("/", catalogue);
    expect((await screen.findByRole("alert")).textContent).toContain(UNAVAILABLE);

    refused.mockRestore();
    catalogue.available = true;
    await pass(5);

    expect(await screen.findByRole("link", { name: "Mug" })).toBeTruthy();
  });

  test("a page of HTML in the place of data counts as away", async () => {
    const catalogue = closedCatalogue();
    vi.spyOn(catalogue, "handle").mockImplementation(
      () => new Response("<!doctype html>", { headers: { "Content-Type": "text/html" } }),
    );

    openShop("/", catalogue);

    expect((await screen.findByRole("alert")).textContent).toContain(UNAVAILABLE);
  });

  test("a short hiccup is not worth a message", async () => {
    const catalogue = closedCatalogue();
    openShop("/", catalogue);
    await vi.waitFor(() => { expect(catalogue.requests.length).toBeGreaterThan(0); });

    catalogue.available = true;

    expect(await screen.findByRole("link", { name: "Mug" })).toBeTruthy();
    expect(screen.queryByRole("alert")).toBeNull();
  });

  test("what was loaded before stays, with a note that goes away", async () => {
    const catalogue = closedCatalogue();
    catalogue.available = true;
    const { user, router } = openShop("/", catalogue);
    await user.click(await screen.findByRole("link", { name: "Mug" }));
    await screen.findByRole("heading", { name: "Mug", level: 1 });
    await pass(31);
    catalogue.available = false;

    await router.navigate(-1);
    expect(await screen.findByText(/can’t reach the shop/)).toBeTruthy();
    expect(screen.getByRole("link", { name: "Mug" })).toBeTruthy();

    catalogue.available = true;
    await pass(5);
    await vi.waitFor(() => { expect(screen.queryByText(/can’t reach the shop/)).toBeNull(); });
  });
});
