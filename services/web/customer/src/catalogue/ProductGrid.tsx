import type { Product } from "./product";
import { ProductCard } from "./ProductCard";
import styles from "./ProductGrid.module.css";

/** About what fits on a first screen: these pictures are loaded at once. */
const ABOVE_THE_FOLD = 4;

interface Props {
  products: Product[];
  /** The level of the headings of the cards. */
  level: 2 | 3;
  dimmed?: boolean;
}

/** Products as cards in rows. */
export function ProductGrid({ products, level, dimmed = false }: Props) {
  return (
    <ul className={styles.grid} data-dimmed={dimmed}>
      {products.map((product, index) => (
        <li key={product.id}>
          <ProductCard product={product} level={level} eager={index < ABOVE_THE_FOLD} />
        </li>
      ))}
    </ul>
  );
}

/** The shape of a listing before it is there. */
export function ProductGridSkeleton({ count }: { count: number }) {
  return (
    <ul className={styles.grid} aria-hidden="true" data-testid="product-skeleton">
      {Array.from({ length: count }, (_, index) => (
        <li key={index} className={styles.skeleton}>
          <span className={styles.skeletonPicture} />
          <span className={styles.skeletonName} />
          <span className={styles.skeletonPrice} />
        </li>
      ))}
    </ul>
  );
}
