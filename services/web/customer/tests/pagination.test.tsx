import { screen } from "@testing-library/react";
import { describe, expect, test, vi } from "vitest";

import { FakeCatalogue } from "../dev-server/FakeCatalogue.ts";
import { fakeProduct } from "../dev-server/fakeProducts.ts";
import { openShop, pass } from "./openShop";

const products = (count: number) => Array.from({ length: count }, (_, index) => fakeProduct(index));
const shownNames = () => screen.queryAllByTestId("product-name").map((name) => name.textContent);

describe("a listing of several pages", () => {
  test("grows by following the cursor, until everything is shown once", async () => {
    const catalogue = new FakeCatalogue(products(50));
    const { user } = openShop("/", catalogue);
    await vi.waitFor(() => { expect(shownNames()).toHaveLength(24); });

    await user.click(screen.getByTestId("load-more"));
    await vi.waitFor(() => { expect(shownNames()).toHaveLength(48); });
    await user.click(screen.getByTestId("load-more"));
    await vi.waitFor(() => { expect(shownNames()).toHaveLength(50); });

    expect(shownNames()).toEqual(catalogue.products.map(({ name }) => name));
    expect(screen.queryByTestId("load-more")).toBeNull();
  });

  test("has no button when one page holds everything", async () => {
    openShop("/", new FakeCatalogue(products(24)));
    await vi.waitFor(() => { expect(shownNames()).toHaveLength(24); });

    expect(screen.queryByTestId("load-more")).toBeNull();
  });

  test("shows a product once that moved from one page to the next meanwhile", async () => {
    const catalogue = new FakeCatalogue(products(30));
    const { user } = openShop("/", catalogue);
    await vi.waitFor(() => { expect(shownNames()).toHaveLength(24); });
    const moved = catalogue.products[3];
    catalogue.products[3] = { ...fakeProduct(3), createdAt: "2001-01-01T00:00:00Z" };

    await user.click(screen.getByTestId("load-more"));

    await vi.waitFor(() => { expect(shownNames()).toHaveLength(30); });
    expect(shownNames().filter((name) => name === moved?.name)).toHaveLength(1);
  });

  test("starts over when the shop no longer accepts the cursor", async () => {
    const catalogue = new FakeCatalogue(products(30));
    const { user } = openShop("/", catalogue);
    await vi.waitFor(() => { expect(shownNames()).toHaveLength(24); });
    const first = catalogue.handle(new Request("http://shop.test/api/products?limit=24"));
    catalogue.refusedCursor = ((await first.json()) as { nextCursor: string }).nextCursor;
    catalogue.products.unshift(fakeProduct(-1, { id: "new", name: "New thing" }));

    await user.click(screen.getByTestId("load-more"));
    await screen.findByRole("alert");
    await pass(5);
    await vi.waitFor(() => { expect(shownNames()[0]).toBe("New thing"); });
    await user.click(screen.getByTestId("load-more"));

    await vi.waitFor(() => { expect(shownNames()).toHaveLength(31); });
  });

  test("keeps what it has when the next page fails, and goes on by itself", async () => {
    const catalogue = new FakeCatalogue(products(30));
    const { user } = openShop("/", catalogue);
    await vi.waitFor(() => { expect(shownNames()).toHaveLength(24); });
    catalogue.available = false;

    await user.click(screen.getByTestId("load-more"));
    expect((await screen.findByRole("alert")).textContent).toContain("temporarily unavailable");
    expect(shownNames()).toHaveLength(24);

    catalogue.available = true;
    await pass(5);
    await vi.waitFor(() => { expect(shownNames()).toHaveLength(30); });
    expect(screen.queryByRole("alert")).toBeNull();
  });
});
