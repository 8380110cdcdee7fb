import type { Product } from "./product";

/** A shop with less than this shows all of it at a glance: picks would only repeat what is below. */
const SMALLEST_SHOP = 12;
const MOST_PICKS = 3;

/**
 * A few products that can be bought, each of another category, to show how wide the shop is.
 *
 * They are taken from the far end of `firstPage`, because its near end is what customers see next.
 */
export function picksOf(firstPage: Product[]): Product[] {
  if (firstPage.length < SMALLEST_SHOP) {
    return [];
  }
  const picks = new Map<string, Product>();
  for (const product of firstPage.toReversed()) {
    if (picks.size < MOST_PICKS && product.stock > 0 && !picks.has(product.category)) {
      picks.set(product.category, product);
    }
  }
  return [...picks.values()];
}
