import { expect, test } from "vitest";

import { fakeProduct } from "../dev-server/fakeProducts.ts";
import { picksOf } from "../src/catalogue/picks";

const products = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    fakeProduct(index, {
      category: ["garden", "kitchen", "office", "outdoor"][index % 4] ?? "garden",
      stock: index === 11 ? 0 : 5,
    }),
  );

test("picks are three of different categories that can be bought, from the far end", () => {
  const picks = picksOf(products(12));

  expect(picks.map(({ category }) => category)).toEqual(["office", "kitchen", "garden"]);
  expect(picks.map(({ name }) => name)).toEqual(["Fake thing 10", "Fake thing 9", "Fake thing 8"]);
});

test("a small shop has no picks", () => {
  expect(picksOf(products(11))).toEqual([]);
});
