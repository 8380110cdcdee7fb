import { categoryName } from "./categoryName";
import type { Product } from "./product";
import { ProductRow } from "./ProductRow";
import { useCategories, useNewest } from "./queries";

/** One row of the grid on a wide screen. */
const COUNT = 4;

/** Other products of the same category; nothing where there are none, or none can be had now. */
export function RelatedProducts({ product }: { product: Product }) {
  const categories = useCategories();
  // One more than is shown, as the product itself may be among them.
  const newest = useNewest(product.category, COUNT + 1) ?? [];
  const others = newest.filter(({ id }) => id !== product.id).slice(0, COUNT);
  if (others.length === 0) {
    return null;
  }
  return <ProductRow title={`More from ${categoryName(product.category, categories)}`} products={others} />;
}
