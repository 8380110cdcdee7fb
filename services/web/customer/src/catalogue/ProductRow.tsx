import { useId } from "react";

import type { Product } from "./product";
import { ProductGrid } from "./ProductGrid";
import styles from "./ProductRow.module.css";

/** A few products below something else, with a title of their own. */
export function ProductRow({ title, products }: { title: string; products: Product[] }) {
  const titleId = useId();
  return (
    <section className={styles.row} aria-labelledby={titleId}>
      <h2 id={titleId} className={styles.title}>
        {title}
      </h2>
      <ProductGrid products={products} level={3} />
    </section>
  );
}
