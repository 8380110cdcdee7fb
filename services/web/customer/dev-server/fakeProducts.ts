import type { Product } from "../src/catalogue/product.ts";

/** Categories of the FAKE catalogue: slug → name and the things it has. */
const SHELVES: Record<string, { name: string; things: string[] }> = {
  kitchen: { name: "Kitchen", things: ["Stoneware Mug", "Bread Knife", "Linen Tea Towel", "Cast Iron Pan", "Salt Cellar", "Pour-over Kettle", "Olive Wood Board", "Mixing Bowl Set"] },
  home: { name: "Home & Living", things: ["Wool Blanket", "Oak Stool", "Table Lamp", "Cotton Rug", "Beeswax Candle", "Wall Clock", "Storage Basket", "Linen Cushion"] },
  garden: { name: "Garden", things: ["Watering Can", "Hand Trowel", "Terracotta Pot", "Pruning Shears", "Seed Tray", "Garden Twine", "Bird House", "Rain Gauge"] },
  outdoor: { name: "Outdoor", things: ["Canvas Backpack", "Enamel Cup", "Folding Chair", "Head Torch", "Picnic Blanket", "Water Bottle", "Hammock", "Camp Stove"] },
  office: { name: "Desk & Office", things: ["Grid Notebook", "Brass Ruler", "Fountain Pen", "Desk Organiser", "Felt Desk Mat", "Pencil Case", "Bookend Pair", "Letter Opener"] },
};

const FINISHES = ["Moss", "Clay", "Midnight"];

/** The display names of the categories of `fakeProducts`. */
export const fakeCategoryNames: Record<string, string> = Object.fromEntries(
  Object.entries(SHELVES).map(([slug, { name }]) => [slug, name]),
);

/** FAKE products, the same ones at every start: enough for several pages. */
export function fakeProducts(): Product[] {
  const names = FINISHES.flatMap((finish) =>
    Array.from({ length: 8 }, (_, row) =>
      Object.entries(SHELVES).map(([category, { things }]) => ({ category, name: `${things[row] ?? ""}, ${finish}` })),
    ).flat(),
  );
  return names.map(({ category, name }, index) =>
    fakeProduct(index, { category, name, stock: index % 11 === 4 ? 0 : (index * 7) % 40 }),
  );
}

/** A FAKE product: the `index`-th newest, with what `given` says. */
export function fakeProduct(index: number, given: Partial<Product> = {}): Product {
  const id = `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
  const time = new Date(Date.UTC(2025, 0, 1) - index * 3_600_000).toISOString();
  return {
    id,
    sku: `FAKE-${String(index).padStart(4, "0")}`,
    name: `Fake thing ${index}`,
    description:
      "Made to be used every day and to look better for it. Plain materials, honest joints, nothing that needs a manual.",
    category: "kitchen",
    price: { amount: 690 + ((index * 1_637) % 14_000), currency: "EUR" },
    stock: 25,
    pictureUrl: `/api/products/${id}/picture`,
    version: 1,
    createdAt: time,
    updatedAt: time,
    ...given,
  };
}
