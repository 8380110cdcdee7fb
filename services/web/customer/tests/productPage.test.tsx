import { screen, within } from "@testing-library/react";
import { describe, expect, test, vi } from "vitest";

import { FakeCatalogue } from "../dev-server/FakeCatalogue.ts";
import { fakeProduct } from "../dev-server/fakeProducts.ts";
import { openShop } from "./openShop";

const mug = fakeProduct(0, {
  name: "Mug",
  description: "Holds tea.",
  price: { amount: 1_250, currency: "EUR" },
  stock: 2,
});
const catalogue = () =>
  new FakeCatalogue([mug, ...[1, 2, 3, 4, 5].map((index) => fakeProduct(index))], { kitchen: "Kitchen" });

describe("the page of a product", () => {
  test("tells everything about it", async () => {
    openShop(`/products/${mug.id}`, catalogue());

    expect(await screen.findByRole("heading", { name: "Mug", level: 1 })).toBeTruthy();
    expect(screen.getByText("€12.50")).toBeTruthy();
    expect(screen.getByText("Only 2 left")).toBeTruthy();
    expect(screen.getByText("Holds tea.")).toBeTruthy();
    expect(screen.getByText(mug.sku)).toBeTruthy();
    expect(screen.getByRole("img", { name: "Picture of Mug" }).getAttribute("src")).toBe(mug.pictureUrl);
    await vi.waitFor(() => { expect(document.title).toBe("Mug – Storefront"); });
  });

  test("shows four others of its category, and not itself", async () => {
    openShop(`/products/${mug.id}`, catalogue());

    const related = await screen.findByRole("region", { name: "More from Kitchen" });
    const names = within(related).getAllByTestId("product-name").map((name) => name.textContent);

    expect(names).toEqual(["Fake thing 1", "Fake thing 2", "Fake thing 3", "Fake thing 4"]);
  });

  test("opens another product from there", async () => {
    const { user } = openShop(`/products/${mug.id}`, catalogue());

    await user.click(await screen.findByRole("link", { name: "Fake thing 3" }));

    expect(await screen.findByRole("heading", { name: "Fake thing 3", level: 1 })).toBeTruthy();
    expect(document.activeElement).toBe(screen.getByRole("main"));
  });

  test("leads to its category", async () => {
    const { user, router } = openShop(`/products/${mug.id}`, catalogue());
    const crumbs = await screen.findByRole("navigation", { name: "Breadcrumb" });

    await user.click(await within(crumbs).findByRole("link", { name: "Kitchen" }));

    expect(router.state.location.pathname).toBe("/category/kitchen");
  });

  test("searches the shop on Enter", async () => {
    const { user } = openShop(`/products/${mug.id}`, catalogue());
    await screen.findByRole("heading", { name: "Mug", level: 1 });

    await user.type(screen.getByTestId("search-input"), "thing 4{Enter}");

    expect(await screen.findByRole("heading", { name: "Results for “thing 4”" })).toBeTruthy();
    expect(await screen.findAllByTestId("product-card")).toHaveLength(1);
  });

  test("says so when there is no such product, without asking again", async () => {
    const shop = catalogue();
    openShop("/products/none", shop);

    expect(await screen.findByRole("heading", { name: "This product is not in the shop" })).toBeTruthy();
    expect(shop.requests.filter((path) => path === "/api/products/none")).toHaveLength(1);
  });
});
