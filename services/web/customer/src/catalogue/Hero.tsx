import { Link } from "react-router";

import { PAGE_SIZE } from "./api";
import styles from "./Hero.module.css";
import { picksOf } from "./picks";
import type { Category, Product } from "./product";
import { ProductPicture } from "./ProductPicture";

interface Props {
  /** The products of the listing below, or undefined until they are known. */
  products: Product[] | undefined;
  categories: Category[] | undefined;
}

/** The shop's greeting: what it has, and a few things from all over it. */
export function Hero({ products, categories }: Props) {
  return (
    <section className={styles.hero} aria-labelledby="hero-title">
      <div className={styles.words}>
        <h1 id="hero-title" className={styles.title}>
          Good things for <em className={styles.mark}>every day</em>
        </h1>
        <p className={styles.lead}>{summary(categories)}</p>
      </div>
      <ul className={styles.picks}>
        {picksOf((products ?? []).slice(0, PAGE_SIZE)).map((product) => (
          <li key={product.id} className={styles.pick}>
            <Link to={`/products/${product.id}`} className={styles.pickLink}>
              <ProductPicture product={product} alt={product.name} eager />
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

function summary(categories: Category[] | undefined): string {
  const filled = (categories ?? []).filter(({ count }) => count > 0);
  if (filled.length < 2) {
    return "Browse at your own pace, or search for what you have in mind.";
  }
  const count = new Intl.NumberFormat().format(filled.reduce((sum, category) => sum + category.count, 0));
  return `${count} products in ${filled.length} categories. Browse at your own pace, or search for what you have in mind.`;
}
