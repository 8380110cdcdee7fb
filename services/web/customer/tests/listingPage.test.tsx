import { screen, within } from "@testing-library/react";
import { describe, expect, test, vi } from "vitest";

import { FakeCatalogue } from "../dev-server/FakeCatalogue.ts";
import { fakeProduct } from "../dev-server/fakeProducts.ts";
import { openShop } from "./openShop";

const CATEGORIES = { kitchen: "Kitchen", garden: "Garden" };

function smallCatalogue(): FakeCatalogue {
  return new FakeCatalogue(
    [
      fakeProduct(0, { name: "Mug", price: { amount: 1_250, currency: "EUR" }, stock: 3 }),
      fakeProduct(1, { name: "Trowel", category: "garden", price: { amount: 800, currency: "EUR" } }),
      fakeProduct(2, { name: "Bowl", price: { amount: 4_000, currency: "EUR" }, stock: 0 }),
    ],
    CATEGORIES,
  );
}

const shownNames = () => screen.queryAllByTestId("product-name").map((name) => name.textContent);

describe("the listing", () => {
  test("shows placeholders first, then every product with its price and stock", async () => {
    openShop("/", smallCatalogue());
    expect(screen.getByTestId("product-skeleton")).toBeTruthy();

    const [mug, , bowl] = await screen.findAllByTestId("product-card");

    expect(shownNames()).toEqual(["Mug", "Trowel", "Bowl"]);
    expect(mug?.querySelector("[data-testid=product-price]")?.textContent).toBe("€12.50");
    expect(mug?.textContent).toContain("Only 3 left");
    expect(bowl?.textContent).toContain("Sold out");
    expect(screen.queryByTestId("product-skeleton")).toBeNull();
  });

  test("is narrowed by a category, and the address says so", async () => {
    const { user, router } = openShop("/", smallCatalogue());
    const nav = await screen.findByRole("navigation", { name: "Categories" });

    await user.click(within(nav).getByRole("link", { name: /Garden/ }));

    await vi.waitFor(() => { expect(shownNames()).toEqual(["Trowel"]); });
    expect(router.state.location.pathname).toBe("/category/garden");
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Garden");
    expect(within(nav).getByRole("link", { current: "page" }).textContent).toContain("Garden");
  });

  test("is ordered as chosen", async () => {
    const { user, router } = openShop("/", smallCatalogue());
    await screen.findAllByTestId("product-card");

    await user.selectOptions(screen.getByLabelText("Sort by"), "Price: low to high");

    await vi.waitFor(() => { expect(shownNames()).toEqual(["Trowel", "Mug", "Bowl"]); });
    expect(router.state.location.search).toBe("?sort=price_asc");
  });

  test("follows the search box while somebody types, with one request for the whole word", async () => {
    const catalogue = smallCatalogue();
    const { user, router } = openShop("/", catalogue);
    await screen.findAllByTestId("product-card");

    await user.type(screen.getByTestId("search-input"), "bowl");

    await vi.waitFor(() => { expect(shownNames()).toEqual(["Bowl"]); });
    expect(router.state.location.search).toBe("?q=bowl");
    expect(catalogue.requests.filter((request) => request.includes("q="))).toHaveLength(1);
  });

  test("says so when a search finds nothing, shows what is new, and leads back to all products", async () => {
    const { user } = openShop("/?q=zeppelin", smallCatalogue());
    await screen.findByRole("heading", { name: "Nothing found for “zeppelin”", level: 1 });
    expect(screen.getByTestId<HTMLInputElement>("search-input").value).toBe("zeppelin");
    expect(await screen.findByRole("region", { name: "New in the shop" })).toBeTruthy();

    await user.click(screen.getByRole("link", { name: "Show all products" }));

    expect(await screen.findByRole("heading", { name: "All products" })).toBeTruthy();
    expect(shownNames()).toHaveLength(3);
    expect(screen.getByTestId<HTMLInputElement>("search-input").value).toBe("");
  });

  test("offers other categories when a search finds nothing in this one", async () => {
    const { user } = openShop("/category/garden?q=bowl", smallCatalogue());

    await user.click(await screen.findByRole("link", { name: "Search all categories" }));
    await screen.findByRole("heading", { name: "Results for “bowl”" });

    await vi.waitFor(() => { expect(shownNames()).toEqual(["Bowl"]); });
  });

  test("of a shop without products says so", async () => {
    openShop("/", new FakeCatalogue([]));

    expect(await screen.findByRole("heading", { name: "The shelves are still empty" })).toBeTruthy();
  });

  test("never claims to have nothing before it knows", async () => {
    const { user } = openShop("/?q=zeppelin", smallCatalogue());
    await screen.findByRole("heading", { name: "Nothing found for “zeppelin”" });
    const claims: (string | null)[] = [];
    new MutationObserver(() => {
      claims.push(...screen.queryAllByText(/Nothing found/).map((claim) => claim.textContent));
    }).observe(document.body, { childList: true, subtree: true, characterData: true });

    await user.clear(screen.getByTestId("search-input"));
    await user.type(screen.getByTestId("search-input"), "bowl");
    await screen.findByRole("heading", { name: "Results for “bowl”" });
    await vi.waitFor(() => { expect(shownNames()).toEqual(["Bowl"]); });

    expect(claims.filter((claim) => claim?.includes("bowl"))).toEqual([]);
  });

  test("comes back as it was after a look at a product", async () => {
    const { user, router } = openShop("/category/kitchen?sort=name", smallCatalogue());
    await user.click(await screen.findByRole("link", { name: "Mug" }));
    await screen.findByRole("heading", { name: "Mug", level: 1 });

    await router.navigate(-1);

    await vi.waitFor(() => { expect(shownNames()).toEqual(["Bowl", "Mug"]); });
  });
});

test.each([
  ["that leads nowhere", "/nowhere"],
  ["of a category that cannot exist", "/category/No%20Such"],
])("an address %s says so", async (_, address) => {
  openShop(address, smallCatalogue());

  expect(await screen.findByRole("heading", { name: "There is nothing at this address" })).toBeTruthy();
});
